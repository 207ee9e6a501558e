"""Settings from files and the environment, and every mistake in them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.policy import Limits
from bot.settings import SettingsError, load_settings
from engine.folders import find_config_dir
from engine.settings import EngineSettings, default_models_dir, default_models_file

REPOSITORY = Path(__file__).resolve().parents[3]

Write = Callable[[str], Path]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment whose data folder is empty."""
    return {"EASEL_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes the owner's own file, in the data folder."""

    def write(text: str) -> Path:
        path = tmp_path / "data" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def problems(env: dict[str, str], config_dir: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        load_settings(env, config_dir)
    assert all(problem in str(refused.value) for problem in refused.value.problems)
    return refused.value.problems


def test_the_defaults_that_come_with_easel_can_be_used(env: dict[str, str], tmp_path: Path) -> None:
    settings = load_settings(env)
    assert settings.default_limits() == Limits(4, 200, 8, 1536, 50)
    assert settings.storage.retention_days == 30
    assert (settings.data_dir, settings.config_dir) == (tmp_path / "data", REPOSITORY / "config")
    assert settings.discord_token is None
    assert EngineSettings.model_validate(settings.engine).devices == "auto"


def test_the_environment_goes_over_the_owners_file_and_that_over_the_defaults(
    env: dict[str, str], write: Write
) -> None:
    write("[limits]\nmost_steps = 30\npictures_per_day = 7\n[engine]\nqueue_limit = 5\n")
    env |= {"EASEL_LIMITS__MOST_STEPS": "25", "EASEL_ENGINE__WORKERS_PER_DEVICE": "2"}
    settings = load_settings(env)
    assert (settings.limits.most_steps, settings.limits.pictures_per_day, settings.limits.largest_side) == (25, 7, 1536)
    engine = EngineSettings.model_validate(settings.engine)
    assert (engine.queue_limit, engine.workers_per_device) == (5, 2)


def test_a_list_can_be_given_in_the_environment(env: dict[str, str]) -> None:
    settings = load_settings(env | {"EASEL_ENGINE__DEVICES": '["cuda:0", "cpu"]'})
    assert EngineSettings.model_validate(settings.engine).devices == ("cuda:0", "cpu")


def test_a_file_can_be_named_instead_of_the_one_in_the_data_folder(
    env: dict[str, str], write: Write, tmp_path: Path
) -> None:
    write("[limits]\nmost_steps = 30\n")
    named = tmp_path / "mine.toml"
    named.write_text("[limits]\npictures_at_once = 3\n")
    settings = load_settings(env | {"EASEL_CONFIG": str(named)})
    assert (settings.limits.most_steps, settings.limits.pictures_at_once) == (50, 3)


def test_the_token_comes_from_the_environment_and_is_never_shown(env: dict[str, str]) -> None:
    settings = load_settings(env | {"DISCORD_TOKEN": "very.secret"})
    assert settings.discord_token is not None
    assert settings.discord_token.get_secret_value() == "very.secret"
    assert "very.secret" not in f"{settings} {settings!r}"


def test_an_empty_token_is_none(env: dict[str, str]) -> None:
    assert load_settings(env | {"DISCORD_TOKEN": ""}).discord_token is None


@pytest.mark.parametrize("key", ["discord_token", "DISCORD_TOKEN"])
def test_a_token_in_a_file_is_refused_without_being_shown(env: dict[str, str], write: Write, key: str) -> None:
    write(f'{key} = "very.secret"\n')
    (problem,) = problems(env)
    assert "set DISCORD_TOKEN instead" in problem
    assert "very.secret" not in problem


def test_a_mistake_does_not_show_the_token(env: dict[str, str]) -> None:
    shown = problems(env | {"DISCORD_TOKEN": "very.secret", "EASEL_LIMITS__MOST_STEPS": "many"})
    assert "very.secret" not in "\n".join(shown)


def test_all_mistakes_are_named_at_once_with_where_they_were_made(env: dict[str, str], write: Write) -> None:
    path = write("[limits]\nmost_stairs = 3\npictures_per_day = -1\n[storage]\nretention_days = 'long'\n[engines]\n")
    env |= {"EASEL_LIMITS__MOST_STEPS": "9000", "EASEL_NONSENSE": "1", "EASEL_STORAGE__DAYS": "3"}
    found = "\n".join(problems(env))
    for mistake in (
        f"{path}: limits.most_stairs: there is no such setting. Known are pictures_per_request",
        f"{path}: limits.pictures_per_day: Input should be greater than or equal to 0, not -1",
        f"{path}: storage.retention_days: Input should be a valid integer",
        f"{path}: there is no setting 'engines' in a file; known are limits, servers, storage, engine",
        "EASEL_LIMITS__MOST_STEPS: Input should be less than or equal to 1000, not '9000'",
        "EASEL_NONSENSE: there is no such setting",
        "EASEL_STORAGE__DAYS: there is no such setting. Known are retention_days",
    ):
        assert mistake in found
    assert len(found.splitlines()) == 7


def test_a_table_that_is_no_table_is_named(env: dict[str, str], write: Write) -> None:
    path = write("limits = 3\n")
    assert any(str(path) in problem and "limits" in problem for problem in problems(env))


def test_a_file_that_is_no_toml_is_named(env: dict[str, str], write: Write) -> None:
    path = write("[limits\n")
    (problem,) = problems(env)
    assert problem.startswith(f"{path} is not valid TOML")


def test_a_named_file_that_is_missing_is_named(env: dict[str, str], tmp_path: Path) -> None:
    (problem,) = problems(env | {"EASEL_CONFIG": str(tmp_path / "nowhere.toml")})
    assert problem.startswith(f"{tmp_path / 'nowhere.toml'} cannot be read")


def test_a_missing_default_file_is_the_only_mistake_named(env: dict[str, str], tmp_path: Path) -> None:
    (problem,) = problems(env, tmp_path)
    assert problem.startswith(f"{tmp_path / 'default.toml'} cannot be read")


def test_a_default_file_that_lacks_a_value_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "default.toml").write_text(
        "[limits]\nmost_steps = 5\n[servers]\npreviews = false\n[storage]\nretention_days = 3\n"
    )
    assert "limits.pictures_per_day is missing; default.toml should hold it." in problems(env, tmp_path)


def test_the_folder_of_the_configuration_can_be_chosen(tmp_path: Path) -> None:
    assert find_config_dir({"EASEL_CONFIG_DIR": str(tmp_path)}) == tmp_path
    assert find_config_dir({}) == REPOSITORY / "config"


@pytest.mark.parametrize("folder", ["~/of-easel", "~nobody-of-this-name/of-easel", "of/easel", "/of/easel", ""])
def test_bot_and_engine_look_for_their_files_in_the_same_folders(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"EASEL_CONFIG_DIR": folder, "EASEL_DATA_DIR": folder}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(env, REPOSITORY / "config")
    assert settings.data_dir.is_absolute()
    assert default_models_dir() == settings.data_dir / "models"
    assert default_models_file() == find_config_dir(env) / "models.toml"
    if folder.startswith("~/"):
        assert (settings.data_dir, find_config_dir(env)) == (Path.home() / "of-easel",) * 2


def test_the_owner_may_begin_the_engines_paths_at_home(env: dict[str, str], write: Write) -> None:
    write('[engine]\nmodels_file = "~/models.toml"\nmodels_dir = "~/models"\n')
    engine = EngineSettings.model_validate(load_settings(env).engine)
    assert (engine.models_file, engine.models_dir) == (Path.home() / "models.toml", Path.home() / "models")
