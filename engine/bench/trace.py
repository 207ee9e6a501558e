"""The requests of a bench: who asks for what, and when; the same for every contender and every run of a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from engine.api import ImageSeed, ModelInfo, Recipe, RecipeDraft

T = TypeVar("T")

PROMPTS = (
    "a red apple",
    "a yellow star",
    "a blue house",
    "a green tree",
    "a cat",
    "a slice of pizza",
    "a sailing boat",
)
STEPS = (10, 15, 30, 50)
SCHEDULERS = ("DPM++ 2M", "Euler", "Euler a", "DDIM", "Heun")
GUIDANCE = (1.0, 3.0, 7.5)
DEFAULT_SHARE = 0.5
"""How often steps, scheduler and guidance are the model's own; each is drawn by itself."""
TENANTS = 8
FIRST_MODEL_SHARE = 0.75
FLOODER = "flooder"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request.

    Args:
        at: when it comes, in mean gaps between two requests of the trace.
        tenant: whose it is.
        recipe: what is asked for; one image.
    """

    at: float
    tenant: str
    recipe: Recipe


def make_trace(models: Sequence[ModelInfo], count: int, seed: int) -> tuple[Visit, ...]:
    """Return a Poisson stream of mixed requests.

    Args:
        models: the first is asked for most.
        count: of requests.
        seed: of all that is random here.
    """
    random = Random(seed)
    at, visits = 0.0, []
    for number in range(count):
        at += random.expovariate(1.0)
        model = models[0] if len(models) == 1 or random.random() < FIRST_MODEL_SHARE else random.choice(models[1:])
        visits.append(Visit(at, _tenant(random), _recipe(random, model, number)))
    return tuple(visits)


def of_one_model(trace: Sequence[Visit], model: ModelInfo) -> tuple[Visit, ...]:
    """Return the trace with all its requests for one model."""
    return tuple(replace(visit, recipe=replace(visit.recipe, model=model.id)) for visit in trace)


def with_flooder(trace: Sequence[Visit], share: float, seed: int) -> tuple[Visit, ...]:
    """Return the trace and, between its requests, those of one more tenant.

    Args:
        trace: the others' requests; they keep their times.
        share: of the requests that come, the flooder's.
        seed: of the flooder's times and wishes.
    """
    random = Random(seed)
    rate = share / (1.0 - share)
    at, visits = random.expovariate(rate), list(trace)
    while at < trace[-1].at:
        recipe = replace(random.choice(trace).recipe, images=(ImageSeed(len(visits)),))
        visits.append(Visit(at, FLOODER, recipe))
        at += random.expovariate(rate)
    return tuple(sorted(visits, key=lambda visit: visit.at))


def _tenant(random: Random) -> str:
    """The first tenant asks twice as often as the second, three times as often as the third, and so on."""
    (number,) = random.choices(range(1, TENANTS + 1), weights=[1 / number for number in range(1, TENANTS + 1)])
    return f"tenant-{number}"


def _recipe(random: Random, model: ModelInfo, number: int) -> Recipe:
    offered = [each.name for each in model.schedulers if each.name in SCHEDULERS]
    steps = _mixed(random, model.steps, [each for each in STEPS if model.min_steps <= each <= model.max_steps])
    guidance = _mixed(
        random, model.guidance_scale, [each for each in GUIDANCE if model.min_guidance <= each <= model.max_guidance]
    )
    draft = RecipeDraft(
        prompt=random.choice(PROMPTS),
        negative_prompt=random.choice(("", "blurry")),
        steps=steps,
        guidance_scale=guidance,
        scheduler=_mixed(random, model.scheduler, offered),
        clip_skip=0,  # as the stock pipelines that compete
    )
    return model.complete(draft, (ImageSeed(number),))


def _mixed(random: Random, usual: T, others: Sequence[T]) -> T:
    return usual if random.random() < DEFAULT_SHARE or not others else random.choice(others)
