"""Who may draw what: a guild's policy as plain data, and the functions that apply it. No Discord, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bot.domain.blocked_words import BlockedPhrase, find_phrase
from engine.api import MAX_IMAGES, ModelInfo, Recipe


@dataclass(frozen=True, slots=True)
class Member:
    """Who asks, and where; read from Discord at every call.

    Args:
        may_moderate: has Manage Server.
        age_restricted: whether the channel is.
    """

    guild_id: int
    user_id: int
    role_ids: frozenset[int] = frozenset()
    may_moderate: bool = False
    age_restricted: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one member may ask for.

    Args:
        pictures_per_request: pictures in one request.
        pictures_per_day: pictures accepted since midnight UTC.
        pictures_at_once: pictures queued or being drawn.
        largest_side: pixels of the longer side.
        most_steps: num_inference_steps.
    """

    pictures_per_request: int
    pictures_per_day: int
    pictures_at_once: int
    largest_side: int
    most_steps: int


# Smallest and largest value of each limit, by name. A day's quota of 0 closes the door, e.g. to all but some roles.
LIMIT_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "pictures_per_request": (1, MAX_IMAGES),
        "pictures_per_day": (0, 100_000),
        "pictures_at_once": (1, 1_000),
        "largest_side": (64, 4_096),
        "most_steps": (1, 1_000),
    }
)
LIMIT_NAMES = tuple(LIMIT_RANGES)

LONGEST_PHRASE = 60
MOST_PHRASES = 200


@dataclass(frozen=True, slots=True)
class GuildPolicy:
    """What a guild's moderators decided.

    Args:
        limits: for every member.
        role_limits: by role id, the limits that role changes, by name.
        denied_models: ids of models nobody here may use.
        default_model: id used when a member names none; None for the catalogue's first allowed one.
        negative_prompt: added to that of every new request; may be empty.
        blocked_words: phrases that no prompt may hold.
        previews: whether messages show what a picture will be while it is drawn.
        age_restricted_only: whether pictures are drawn and shown in age-restricted channels alone.
    """

    limits: Limits
    role_limits: Mapping[int, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    denied_models: frozenset[str] = frozenset()
    default_model: str | None = None
    negative_prompt: str = ""
    blocked_words: tuple[BlockedPhrase, ...] = ()
    previews: bool = True
    age_restricted_only: bool = False


class Refusal(Exception):
    """A member may not do this. Each class is data; `bot.texts.errors` words it."""


@dataclass(eq=False)
class ModelDenied(Refusal):
    """The moderators withdrew the model. `allowed` names the ones that remain."""

    model: str
    allowed: tuple[str, ...]


@dataclass(eq=False)
class NoModelAllowed(Refusal):
    """The moderators withdrew every model."""


@dataclass(eq=False)
class WordsBlocked(Refusal):
    """The prompt holds a phrase that the moderators blocked."""

    phrase: str


@dataclass(eq=False)
class NotAgeRestricted(Refusal):
    """The moderators want pictures in age-restricted channels alone, and this is none."""


@dataclass(eq=False)
class TooManyPhrases(Refusal):
    """The guild has as many blocked phrases as it may."""

    limit: int


@dataclass(eq=False)
class TooManyPictures(Refusal):
    """More pictures in one request than the member may ask for."""

    asked: int
    limit: int


@dataclass(eq=False)
class DailyQuotaUsed(Refusal):
    """The request would pass the day's quota. `resets_at` is the next midnight UTC, seconds since the epoch."""

    asked: int
    used: int
    limit: int
    resets_at: float


@dataclass(eq=False)
class TooManyAtOnce(Refusal):
    """The member has too many pictures waiting or being drawn."""

    asked: int
    active: int
    limit: int


@dataclass(eq=False)
class SizeOverLimit(Refusal):
    """The server allows no side longer than `limit` pixels. `nearest` holds the closest sizes to choose instead."""

    width: int
    height: int
    limit: int
    nearest: tuple[str, ...]


@dataclass(eq=False)
class StepsOverLimit(Refusal):
    """The server allows fewer steps."""

    asked: int
    limit: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a member has used: pictures accepted since midnight UTC, and pictures not finished yet."""

    today: int
    active: int
    resets_at: float


def limits_for(policy: GuildPolicy, role_ids: Iterable[int]) -> Limits:
    """Return the guild's limits, each replaced by the most generous value that one of the roles changes it to."""
    changes: dict[str, int] = {}
    for role_id in role_ids:
        for name, value in policy.role_limits.get(role_id, {}).items():
            changes[name] = max(value, changes.get(name, value))
    return replace(policy.limits, **changes)


def allowed_models(policy: GuildPolicy, models: Iterable[ModelInfo]) -> tuple[ModelInfo, ...]:
    """Return the models of the catalogue that the guild allows, its default first."""
    allowed = [model for model in models if model.id not in policy.denied_models]
    return tuple(sorted(allowed, key=lambda model: model.id != policy.default_model))


def choose_model(policy: GuildPolicy, models: Iterable[ModelInfo]) -> ModelInfo:
    """Return the model for a request that names none.

    Raises:
        NoModelAllowed: none is left.
    """
    allowed = allowed_models(policy, models)
    if not allowed:
        raise NoModelAllowed
    return allowed[0]


def check_model(policy: GuildPolicy, model: str, models: Iterable[ModelInfo]) -> None:
    """Raise ModelDenied if the guild's moderators withdrew the model."""
    if model in policy.denied_models:
        raise ModelDenied(model, tuple(info.id for info in allowed_models(policy, models)))


def check_words(policy: GuildPolicy, recipes: Iterable[Recipe]) -> None:
    """Raise WordsBlocked if what one of the recipes draws holds a phrase that the guild's moderators blocked.

    The negative prompt says what is not drawn, and may hold any; but the LoRAs it names draw, too.
    """
    drawn = (text for recipe in recipes for text in (recipe.prompt, *(lora.name for lora in recipe.loras)))
    phrase = find_phrase(policy.blocked_words, drawn)
    if phrase is not None:
        raise WordsBlocked(phrase)


def check_more_phrases(policy: GuildPolicy, phrases: Sequence[BlockedPhrase]) -> None:
    """Raise TooManyPhrases if the guild would block more phrases than it may, with these."""
    known = {each.text for each in policy.blocked_words}
    if len(known.union(each.text for each in phrases)) > MOST_PHRASES:
        raise TooManyPhrases(MOST_PHRASES)


def check_channel(policy: GuildPolicy, age_restricted: bool) -> None:
    """Raise NotAgeRestricted if nothing may be drawn or shown in a channel.

    Args:
        age_restricted: what Discord says of the channel at this moment.
    """
    if policy.age_restricted_only and not age_restricted:
        raise NotAgeRestricted


def check_request(limits: Limits, wanted: Sequence[tuple[Recipe, ModelInfo]], usage: Usage) -> None:
    """Raise the first limit that one of the recipes passes, or all together.

    Args:
        limits: the member's.
        wanted: what is asked for at once, each with its model.
        usage: of the member, before.

    Raises:
        TooManyPictures, SizeOverLimit, StepsOverLimit: one recipe passes it.
        TooManyAtOnce, DailyQuotaUsed: all together do.
    """
    for recipe, model in wanted:
        _check_recipe(limits, recipe, model)
    count = sum(len(recipe.images) for recipe, _ in wanted)
    if usage.active + count > limits.pictures_at_once:
        raise TooManyAtOnce(count, usage.active, limits.pictures_at_once)
    if usage.today + count > limits.pictures_per_day:
        raise DailyQuotaUsed(count, usage.today, limits.pictures_per_day, usage.resets_at)


def _check_recipe(limits: Limits, recipe: Recipe, model: ModelInfo) -> None:
    count = len(recipe.images)
    if count > limits.pictures_per_request:
        raise TooManyPictures(count, limits.pictures_per_request)
    if max(recipe.width, recipe.height) > limits.largest_side:
        fitting = [size for size in model.sizes if max(size.width, size.height) <= limits.largest_side]
        fitting.sort(key=lambda size: abs(size.width - recipe.width) + abs(size.height - recipe.height))
        nearest = () if recipe.grows else tuple(str(size) for size in fitting[:2])
        raise SizeOverLimit(recipe.width, recipe.height, limits.largest_side, nearest)
    if recipe.steps > limits.most_steps:
        raise StepsOverLimit(recipe.steps, limits.most_steps)
