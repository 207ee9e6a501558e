"""`easel` answers wrong input with one message and exit code 2, and never with a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import discord
import pytest

from bot.__main__ import main
from bot.storage import held_folder


@pytest.fixture(autouse=True)
def own_data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("DISCORD_TOKEN", "EASEL_CONFIG", "EASEL_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EASEL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def own_settings(data_dir: Path, text: str) -> None:
    data_dir.mkdir()
    (data_dir / "config.toml").write_text(text)


def test_run_without_a_token_says_which_variable_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert "DISCORD_TOKEN is not set" in capsys.readouterr().err


def test_run_without_a_network_says_so_and_asks_to_be_started_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:1")
    monkeypatch.setenv("DISCORD_TOKEN", "a.secret.token")
    assert main(["run"]) == 1
    said = capsys.readouterr().err
    assert "Discord cannot be reached" in said
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [(401, 2, "does not know this token"), (403, 1, "would not let the bot start")],
)
def test_run_with_a_login_that_discord_refuses_says_why(
    status: int, code: int, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.secret.token")
    with refusing_server(status) as address:
        monkeypatch.setattr(discord.http.Route, "BASE", address)
        assert main(["run"]) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert "secret" not in said


@contextmanager
def refusing_server(status: int) -> Iterator[str]:
    """Answer every request on loopback with a status; yields the address."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"message": "no", "code": 0}')

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_unknown_setting_is_named_with_the_known_ones(
    own_data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings(own_data_dir, "[limits]\nmost_stepps = 3\n")
    assert main(["check-config"]) == 2
    said = capsys.readouterr().err
    assert "most_stepps" in said
    assert "most_steps" in said


def test_all_mistakes_are_said_at_once(own_data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings(own_data_dir, "[limits]\nmost_steps = 0\nlargest_side = 'big'\n")
    assert main(["check-config"]) == 2
    said = capsys.readouterr().err
    assert "most_steps" in said
    assert "largest_side" in said


def test_a_wrong_engine_setting_is_named(own_data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings(own_data_dir, "[engine]\nworkers_per_device = 0\n")
    assert main(["check-config"]) == 2
    assert "engine.workers_per_device" in capsys.readouterr().err


def test_a_catalogue_that_is_missing_is_named(
    own_data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings(own_data_dir, f"[engine]\nmodels_file = '{tmp_path / 'nothing.toml'}'\n")
    assert main(["check-config"]) == 2
    assert "nothing.toml" in capsys.readouterr().err


def test_styles_that_cannot_be_used_are_named_with_all_their_mistakes(
    own_data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_data_dir.mkdir()
    (own_data_dir / "styles.toml").write_text('[mine]\ntitle = "Mine"\nprompt = "mine"\n')
    assert main(["check-config"]) == 2
    said = capsys.readouterr().err
    assert "[mine]: description is missing" in said
    assert "[mine]: prompt must hold {prompt} once" in said


def test_right_settings_are_summed_up_without_the_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.secret.token")
    assert main(["check-config"]) == 0
    said = capsys.readouterr().out
    assert "pocket" in said
    assert "film-noir" in said
    assert "secret" not in said


def test_migrate_makes_the_database_and_may_be_repeated(own_data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    assert list(own_data_dir.glob("*.sqlite3"))
    assert main(["migrate"]) == 0
    assert "version" in capsys.readouterr().out


def test_the_database_of_a_bot_that_runs_is_left_alone(own_data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held_folder(own_data_dir):
        assert main(["migrate"]) == 2
    assert "Another Easel is running" in capsys.readouterr().err
    assert not list(own_data_dir.glob("*.sqlite3"))


def test_a_damaged_database_gets_a_sentence(own_data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    for path in own_data_dir.glob("*.sqlite3"):
        path.write_bytes(b"not a database, but long enough to look like one" * 100)
    assert main(["migrate"]) == 2
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_a_database_that_is_gone_gets_a_sentence_with_two_ways_on(
    command: str, own_data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.secret.token")
    picture = own_data_dir / "pictures" / "00" / ("0" * 64)
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    assert main([command]) == 2
    said = capsys.readouterr().err
    assert "easel.sqlite3 is missing, but it was here before" in said
    assert "Restore" in said
    assert "easel run --adopt-empty-ledger" in said
    assert "Traceback" not in said
    assert picture.read_bytes() == b"a picture"
    assert not list(own_data_dir.glob("*.sqlite3"))


def test_an_unknown_command_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paint"]) == 2
    assert "draw" in capsys.readouterr().err


def test_draw_and_models_are_the_engines_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("pocket:")
    assert main(["draw", "an apple", "--model", "nothing-like-it"]) == 2
    assert "nothing-like-it" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", f"--port={port}"]) == 2
    assert "65535" in capsys.readouterr().err
