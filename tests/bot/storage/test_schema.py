"""Migrations, on real database files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.storage import StorageError
from bot.storage.rows import error_from_columns
from bot.storage.schema import DATABASE_NAME, Migration, load_migrations, migrate
from engine.api import Fault, InputNotJudged, InputWithheld

NEWEST = len(load_migrations())


@contextmanager
def database(data_dir: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(data_dir / DATABASE_NAME, isolation_level=None)) as connection:
        yield connection


def tables(data_dir: Path) -> set[str]:
    with database(data_dir) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_fresh_folder_gets_the_newest_version(tmp_path: Path) -> None:
    assert migrate(tmp_path / "data") == (0, NEWEST)
    assert {"recipes", "jobs", "images", "files", "guilds", "settings_log", "bot_state"} <= tables(tmp_path / "data")


def test_the_data_folder_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    migrate(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    migrate(tmp_path)
    assert migrate(tmp_path) == (NEWEST, NEWEST)


def test_an_old_database_keeps_its_rows_on_the_way_to_the_newest_version(tmp_path: Path) -> None:
    migrate(tmp_path, load_migrations()[:1])
    with database(tmp_path) as connection:
        connection.execute("INSERT INTO recipes VALUES (?, '{}')", ("a" * 64,))
    assert migrate(tmp_path) == (1, NEWEST)
    with database(tmp_path) as connection:
        assert connection.execute("SELECT sha256 FROM recipes").fetchall() == [("a" * 64,)]


def test_a_database_newer_than_the_code_is_refused_and_left_alone(tmp_path: Path) -> None:
    migrate(tmp_path)
    with database(tmp_path) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    with pytest.raises(StorageError, match=f"has version {NEWEST + 1}, but this Easel knows only {NEWEST}"):
        migrate(tmp_path)
    with database(tmp_path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST + 1,)


def test_a_failing_migration_leaves_nothing_of_itself_behind(tmp_path: Path) -> None:
    steps = (
        *load_migrations(),
        Migration(NEWEST + 1, "broken", "CREATE TABLE half (x);\nINSERT INTO nowhere VALUES (1);"),
    )
    with pytest.raises(StorageError, match="no such table: nowhere"):
        migrate(tmp_path, steps)
    assert "half" not in tables(tmp_path)
    assert migrate(tmp_path) == (NEWEST, NEWEST)


def test_jobs_that_had_ended_before_it_was_noted_count_as_told(tmp_path: Path) -> None:
    migrate(tmp_path, load_migrations()[:3])
    states = ("accepted", "finished", "delivered", "cancelled", "deleted")
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection, connection:
        connection.execute("INSERT INTO recipes VALUES (?, '{}')", ("0" * 64,))
        for state in states:
            connection.execute(
                "INSERT INTO jobs (id, kind, recipe_sha256, guild_id, channel_id, user_id, state, count, accepted_at)"
                " VALUES (?1, 'imagine', ?2, 1, 2, 3, ?1, 1, 0.0)",
                (state, "0" * 64),
            )
    migrate(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        untold = {row[0] for row in connection.execute("SELECT id FROM jobs WHERE told = 0")}
    assert untold == {"accepted", "finished"}


def test_upscales_that_were_kept_as_variations_become_their_own_kind(tmp_path: Path) -> None:
    steps = load_migrations()
    (number,) = (step.number for step in steps if step.name.endswith("add_upscale_kind"))
    migrate(tmp_path, steps[: number - 1])
    kinds = {"a": ("vary", "upscale:x:0:2:1"), "b": ("vary", "vary:x:0:0.4:1"), "c": ("imagine", None)}
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection, connection:
        connection.execute("INSERT INTO recipes VALUES (?, '{}')", ("0" * 64,))
        for id, (kind, press) in kinds.items():
            connection.execute(
                "INSERT INTO jobs (id, kind, recipe_sha256, guild_id, channel_id, user_id, state, count, accepted_at,"
                " press) VALUES (?, ?, ?, 1, 2, 3, 'delivered', 1, 0.0, ?)",
                (id, kind, "0" * 64, press),
            )
    migrate(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        assert dict(connection.execute("SELECT id, kind FROM jobs")) == {"a": "upscale", "b": "vary", "c": "imagine"}
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("UPDATE jobs SET kind = 'other'")


def test_a_migration_cut_off_within_a_statement_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="ends within a statement"):
        migrate(tmp_path, (Migration(1, "cut", "CREATE TABLE whole (x);\nCREATE TABLE half (x"),))
    assert tables(tmp_path) == set()


def test_a_damaged_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"this is no database, " * 100)
    with pytest.raises(StorageError, match=r"is damaged .* Restore it from a backup"):
        migrate(tmp_path)


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"cannot be created .* Check EASEL_DATA_DIR"):
        migrate(tmp_path / "file" / "data")


@pytest.mark.parametrize("names", [("0002_create_jobs.sql",), ("0001_a_b.sql", "0001_c_d.sql"), ("1_create_jobs.sql",)])
def test_misnumbered_migrations_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(StorageError, match=r"NNNN_verb_object|without gaps"):
        load_migrations(tmp_path)


def test_every_migration_begins_with_a_comment_that_says_why() -> None:
    assert all(migration.sql.startswith("-- ") for migration in load_migrations())


def test_pictures_that_could_not_be_judged_before_there_were_codes_get_theirs_from_the_reason(tmp_path: Path) -> None:
    steps = load_migrations()
    (number,) = (step.number for step in steps if step.name.endswith("add_fault_to_images"))
    migrate(tmp_path, steps[: number - 1])
    reasons = {
        "pixels: ValueError: the latents are not finite": "not_finite",
        "pixels: ValueError: all of one colour": "one_colour",
        "checker: DetectorSilent: no answer in 60 s": "detector_hung",
        "floor: RuntimeError: out of order": "detector_broke",
        "": None,
    }
    errors = {"a": '{"blocked":false}', "b": '{"blocked":true}'}
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection, connection:
        connection.execute("INSERT INTO recipes VALUES (?, '{}')", ("0" * 64,))
        connection.execute("INSERT INTO files VALUES (?, ?, 'image/png', 1, 1, NULL)", ("1" * 64, "2" * 64))
        for id in ("job", *errors):
            connection.execute(
                "INSERT INTO jobs (id, kind, recipe_sha256, guild_id, channel_id, user_id, state, count, accepted_at,"
                " error_code, error_json) VALUES (?, 'imagine', ?, 1, 2, 3, 'failed', 5, 0.0, 'input_withheld', ?)",
                (id, "0" * 64, errors.get(id)),
            )
        for index, (reason, fault) in enumerate(reasons.items()):
            connection.execute(
                "INSERT INTO images (job_id, image_index, seed_json, verdict, reason, file_sha256)"
                " VALUES ('job', ?, '{}', ?, ?, ?)",
                (index, "error" if fault else "allow", reason, None if fault else "1" * 64),
            )
    migrate(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        assert dict(connection.execute("SELECT reason, fault FROM images")) == reasons
        kept = {
            id: (code, data) for id, code, data in connection.execute("SELECT id, error_code, error_json FROM jobs")
        }
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("UPDATE images SET fault = 'other'")
    withheld, not_judged = error_from_columns(*kept["b"]), error_from_columns(*kept["a"])
    assert isinstance(withheld, InputWithheld)
    assert isinstance(not_judged, InputNotJudged)
    assert not_judged.fault is Fault.DETECTOR_BROKE
