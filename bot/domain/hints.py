"""Values that are known to hurt a picture: one hint at most, and only about what a member set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from engine.api import ModelInfo, Recipe


class Rule(StrEnum):
    """What may be wrong. `bot.texts.hints` words each."""

    LARGE = "large"
    SMALL = "small"
    GUIDANCE_HIGH = "guidance_high"
    GUIDANCE_LOW = "guidance_low"
    STEPS_HIGH = "steps_high"
    STEPS_LOW = "steps_low"
    STRENGTH_HIGH = "strength_high"
    STRENGTH_LOW = "strength_low"


@dataclass(frozen=True, slots=True)
class Hint:
    """What may have spoiled a picture.

    Args:
        rule: what it is about.
        low, high: the values that usually do well; for a size, the model's first, as width and height.
        scheduler: the noise scheduler that the steps are for.
    """

    rule: Rule
    low: float
    high: float
    scheduler: str


@dataclass(frozen=True, slots=True)
class _Range:
    """The values that do well."""

    low: float
    high: float


# Shares of the model's own guidance and size, beyond which pictures are known to suffer.
_GUIDANCE = _Range(0.35, 1.6)
_LONGEST_SIDE = 1.25
_AREA = 1.6
_SHORTEST_SIDE = 0.6
_STRENGTH = _Range(0.15, 0.9)

# Steps: fewer leave a picture unfinished, more change nothing but the time. Presets stay inside.
_STEPS = _Range(8, 60)
_STEPS_OF: Mapping[str, _Range] = MappingProxyType(
    {
        "UniPC": _Range(5, 50),
        "LCM": _Range(2, 12),
        "DDIM": _Range(12, 80),
        "DPM++ 2M SDE": _Range(12, 60),
        "DPM++ 2M SDE Karras": _Range(12, 60),
        "Heun": _Range(6, 40),
        "DPM2": _Range(6, 40),
        "DPM2 a": _Range(7, 40),
    }
)
# Schedulers for distilled models, which want almost no guidance, and few steps.
_DISTILLED = frozenset({"LCM"})


def hint_for(recipe: Recipe, models: Iterable[ModelInfo], most_steps: int) -> Hint | None:
    """Return the most telling hint about a recipe; None if all is usual, or its model is not there any more.

    Args:
        recipe: what was or will be drawn.
        models: the catalogue.
        most_steps: the guild's limit; whoever keeps to it did not choose to have few steps.
    """
    info = next((info for info in models if info.id == recipe.model), None)
    if info is None:
        return None
    hints = [hint for rule in _RULES if (hint := rule(recipe, info))]
    at_the_limit = recipe.steps >= most_steps
    return next((hint for hint in hints if not (hint.rule is Rule.STEPS_LOW and at_the_limit)), None)


def _size(recipe: Recipe, info: ModelInfo) -> Hint | None:
    if recipe.init_image is not None:  # the picture gives the shapes
        return None
    native = info.sizes[0]
    longest = max(max(size.width, size.height) for size in info.sizes)
    largest = max(size.width * size.height for size in info.sizes)
    shortest = min(min(size.width, size.height) for size in info.sizes)
    if max(recipe.width, recipe.height) > _LONGEST_SIDE * longest or recipe.width * recipe.height > _AREA * largest:
        return Hint(Rule.LARGE, native.width, native.height, recipe.scheduler)
    if min(recipe.width, recipe.height) < _SHORTEST_SIDE * shortest:
        return Hint(Rule.SMALL, native.width, native.height, recipe.scheduler)
    return None


def _guidance(recipe: Recipe, info: ModelInfo) -> Hint | None:
    # To a quarter, as nobody wants to read 7.199.
    low, high = (round(4 * share * info.guidance_scale) / 4 for share in (_GUIDANCE.low, _GUIDANCE.high))
    if recipe.guidance_scale > high:
        return Hint(Rule.GUIDANCE_HIGH, low, high, recipe.scheduler)
    if recipe.guidance_scale < low and recipe.scheduler not in _DISTILLED:
        return Hint(Rule.GUIDANCE_LOW, low, high, recipe.scheduler)
    return None


def _steps(recipe: Recipe, info: ModelInfo) -> Hint | None:
    if recipe.steps == info.steps and recipe.scheduler == info.scheduler:
        return None
    usual = _STEPS_OF.get(recipe.scheduler, _STEPS)
    if usual.low <= recipe.steps <= usual.high:
        return None
    rule = Rule.STEPS_HIGH if recipe.steps > usual.high else Rule.STEPS_LOW
    return Hint(rule, usual.low, usual.high, recipe.scheduler)


def _strength(recipe: Recipe, info: ModelInfo) -> Hint | None:
    picture = recipe.init_image
    if picture is None or picture.fit == "latents" or picture.mask:  # grown by a button; redrawn where it is masked
        return None
    if _STRENGTH.low <= picture.strength <= _STRENGTH.high:
        return None
    rule = Rule.STRENGTH_HIGH if picture.strength > _STRENGTH.high else Rule.STRENGTH_LOW
    return Hint(rule, _STRENGTH.low, _STRENGTH.high, recipe.scheduler)


_RULES: tuple[Callable[[Recipe, ModelInfo], Hint | None], ...] = (_size, _guidance, _steps, _strength)
