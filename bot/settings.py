"""What the owner decides: `default.toml`, then a file of their own, then the environment. All mistakes at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.domain.policy import LIMIT_RANGES, Limits
from engine.folders import CONFIG_VARIABLE, DATA_VARIABLE, absolute, find_config_dir, find_data_dir

PREFIX = "EASEL_"
TABLES = ("limits", "servers", "storage", "engine")
OWN_FILE_VARIABLE = f"{PREFIX}CONFIG"
OWN_FILE_NAME = "config.toml"


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds one sentence for each mistake; `str()` all of them."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["The settings cannot be used:", *(f"  - {problem}" for problem in self.problems)]))


def _limit(name: str) -> Any:
    low, high = LIMIT_RANGES[name]
    return Field(ge=low, le=high)


class LimitSettings(BaseModel):
    """The `[limits]` table; see `bot.domain.policy.Limits`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures_per_request: int = _limit("pictures_per_request")
    pictures_per_day: int = _limit("pictures_per_day")
    pictures_at_once: int = _limit("pictures_at_once")
    largest_side: int = _limit("largest_side")
    most_steps: int = _limit("most_steps")


class ServerSettings(BaseModel):
    """The `[servers]` table: what holds in a server whose moderators did not choose.

    Args:
        previews: whether messages show pictures before they are finished.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    previews: bool


class StorageSettings(BaseModel):
    """The `[storage]` table.

    Args:
        retention_days: how long picture files are kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    retention_days: int = Field(ge=1, le=36_500)


class Settings(BaseSettings):
    """Everything the owner decides.

    Args:
        discord_token: from DISCORD_TOKEN alone; never shown.
        data_dir: folder of everything the bot keeps.
        config_dir: folder of `default.toml` and `models.toml`.
        limits: for guilds that did not choose their own.
        servers: what else guilds can choose.
        storage: what is kept how long.
        engine: the `[engine]` table, which `engine.settings` validates.
    """

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )

    discord_token: SecretStr | None = Field(default=None, validation_alias="DISCORD_TOKEN")
    data_dir: Path
    config_dir: Path
    limits: LimitSettings
    servers: ServerSettings
    storage: StorageSettings
    engine: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)

    @field_validator("data_dir", "config_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return absolute(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load_settings` merged, and nothing else."""
        return (init_settings,)

    def default_limits(self) -> Limits:
        """Return the limits of guilds that did not choose their own."""
        return Limits(**self.limits.model_dump())


class _Environment(EnvSettingsSource):
    """The settings of a given environment instead of the process's own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._env.items() if value}


@dataclass(frozen=True, slots=True)
class _Layer:
    """Settings from one source. `name` is a path, or empty for the environment."""

    name: str
    values: Mapping[str, Any]


def load_settings(env: Mapping[str, str], config_dir: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        env: the environment.
        config_dir: folder of `default.toml`; None for the one that `find_config_dir` finds.

    Raises:
        SettingsError: something is wrong; it names everything that is.
    """
    folder = config_dir or find_config_dir(env)
    problems: list[str] = []
    layers = [_Layer("", {"config_dir": folder, "data_dir": find_data_dir(env)})]
    for path in [folder / "default.toml", *_own_file(env)]:
        layers.append(_Layer(str(path), _read_tables(path, problems)))
    layers.append(_Layer("", _Environment(_known_variables(env, problems))()))
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer.values)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        # A file that could not be read has been named; what it would have held is no further mistake.
        unread = any(not layer.values for layer in layers[1:-1])
        details = [detail for detail in error.errors(include_url=False) if not (unread and detail["type"] == "missing")]
        problems += [_sentence(detail, layers) for detail in details]
    if problems:
        raise SettingsError(problems)
    return settings


def _own_file(env: Mapping[str, str]) -> list[Path]:
    if named := env.get(OWN_FILE_VARIABLE):
        return [absolute(named)]
    path = find_data_dir(env) / OWN_FILE_NAME
    return [path] if path.exists() else []


def _read_tables(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        problems.append(f"{path} cannot be read ({error.strerror}).")
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path} is not valid TOML: {error}.")
        return {}
    for name in sorted(set(tables) - set(TABLES)):
        hint = "set DISCORD_TOKEN instead" if "token" in name.lower() else f"known are {', '.join(TABLES)}"
        problems.append(f"{path}: there is no setting {name!r} in a file; {hint}.")
    return {name: tables[name] for name in TABLES if name in tables}


def _known_variables(env: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    plain = ("DISCORD_TOKEN", OWN_FILE_VARIABLE, CONFIG_VARIABLE, DATA_VARIABLE)
    nested = tuple(f"{PREFIX}{table.upper()}__" for table in TABLES)
    known = {name: value for name, value in env.items() if name in plain or name.startswith(nested)}
    for name in sorted(set(env) - set(known)):
        if name.startswith(PREFIX):
            choices = ", ".join([*plain[1:], *(f"{prefix}..." for prefix in nested)])
            problems.append(f"{name}: there is no such setting. Known are {choices}.")
    return known


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _sentence(detail: Any, layers: list[_Layer]) -> str:
    """Return one mistake with where it was made. Only what was not given in secret is repeated."""
    place = ".".join(map(str, detail["loc"]))
    source = next((layer.name for layer in reversed(layers) if _has(layer.values, detail["loc"])), None)
    where = f"{source}: {place}" if source else place
    if source == "":
        where = PREFIX + "__".join(map(str, detail["loc"])).upper()
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: there is no such setting. Known are {', '.join(_known(detail['loc']))}."
        case "missing":
            return f"{place} is missing; default.toml should hold it."
    return f"{where}: {detail['msg']}, not {detail['input']!r}."


def _has(values: Any, loc: tuple[str | int, ...]) -> bool:
    for key in loc:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _known(loc: tuple[str | int, ...]) -> Iterable[str]:
    tables: Mapping[str | int, Mapping[str, FieldInfo]] = {
        "limits": LimitSettings.model_fields,
        "servers": ServerSettings.model_fields,
        "storage": StorageSettings.model_fields,
    }
    return tables.get(loc[0], {})
