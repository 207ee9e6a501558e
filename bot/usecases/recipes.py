"""Draw a picture again that says how it was drawn, ours or another program's, by the rules of today."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.domain.policy import Limits, Member
from bot.domain.prompts import whole_negative_prompt
from bot.domain.records import Generation, JobKind, Place
from bot.storage import Store
from bot.usecases.acceptance import Acceptance, Origin
from bot.usecases.imagine import Ask, build_recipe
from bot.usecases.refusals import NoRecipe
from bot.usecases.terms import Terms, load_terms
from engine.api import (
    EngineClient,
    ModelInfo,
    Parameters,
    Recipe,
    SchedulerInfo,
    read_metadata,
    read_texts,
    split_loras,
)
from engine.api.embedded_texts import PARAMETERS, RECIPE

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Found:
    """What a picture's file says.

    Args:
        parameters: how it was drawn.
        keyword: under which the text was, RECIPE or PARAMETERS.
        text: as it was found.
    """

    parameters: Parameters
    keyword: str
    text: str


@dataclass(frozen=True, slots=True)
class RecipeChange:
    """What is not drawn as the file says.

    Args:
        what: "model", "size", "steps", "guidance", "clip skip", "scheduler", "seed", "lora", "server", "picture" or
            "unreadable".
        said: by the file; empty if it says nothing.
        used: instead; empty if it is left out.
    """

    what: str
    said: str = ""
    used: str = ""


@dataclass(frozen=True, slots=True)
class RecipePlan:
    """How a picture would be drawn today, and what differs from what its file says."""

    recipe: Recipe
    changes: tuple[RecipeChange, ...]


def read_file(data: bytes) -> Found:
    """Return what a picture's file says.

    Raises:
        BadInput: it is no picture, or too large.
        NoRecipe: it says nothing.
    """
    return read_found(dict(read_texts(data)))


def read_found(texts: dict[str, str]) -> Found:
    """Return the first of a picture's texts that says how it was drawn, our own before A1111's. Raises NoRecipe."""
    for keyword in (RECIPE, PARAMETERS):
        parameters = read_metadata({keyword: texts[keyword]}) if keyword in texts else None
        if parameters is not None:
            return Found(parameters, keyword, texts[keyword])
    raise NoRecipe


class Recipes:
    """Turns what files say into jobs."""

    def __init__(self, store: Store, engine: EngineClient, acceptance: Acceptance, new_seed: Callable[[], int]) -> None:
        self._store = store
        self._engine = engine
        self._acceptance = acceptance
        self._new_seed = new_seed

    async def plan(self, member: Member, parameters: Parameters) -> RecipePlan:
        """Return how it would be drawn for a member today; what cannot be drawn as said gives way, and is named.

        Raises:
            Refusal: the guild's policy allows no model.
            Refused: a LoRA's weight is beyond its range.
        """
        return self._plan(member, await self._terms(member), parameters)

    async def accept(self, member: Member, place: Place, parameters: Parameters, press: str) -> Generation:
        """Accept what was planned as a job.

        Args:
            press: names the button press, as in `NewJob`.

        Raises:
            Refusal: the guild's policy forbids it, or the same press is under way.
            Refused, Unavailable: the engine cannot take it.
        """
        terms = await self._terms(member)
        recipe = self._plan(member, terms, parameters).recipe
        return await self._acceptance.accept(member, terms, place, JobKind.REROLL, recipe, Origin(None, None, press))

    def _plan(self, member: Member, terms: Terms, parameters: Parameters) -> RecipePlan:
        info = next((info for info in terms.models if info.id == parameters.model), None) or terms.choose(None)
        planning = _Planning(parameters, info, terms.limits(member), terms.policy.negative_prompt)
        return planning.plan(self._new_seed)

    async def _terms(self, member: Member) -> Terms:
        return await load_terms(self._store, self._engine, member.guild_id)


class _Planning:
    """One plan in the making: each value as the file says, or the nearest that model and limits allow."""

    def __init__(self, said: Parameters, info: ModelInfo, limits: Limits, avoided: str) -> None:
        self._said = said
        self._info = info
        self._limits = limits
        self._avoided = avoided
        self._changes: list[RecipeChange] = []

    def plan(self, new_seed: Callable[[], int]) -> RecipePlan:
        said, info = self._said, self._info
        if said.model != info.id:
            self._note("model", said.model or "", info.id)
        scheduler = self._scheduler()
        width, height = self._size()
        prompt, negative_prompt = self._without_unknown_loras(said.prompt, said.negative_prompt)
        ask = Ask(
            prompt=prompt,
            negative_prompt=self._with_avoided(negative_prompt),
            model=info.id,
            width=width,
            height=height,
            steps=self._steps(scheduler),
            guidance_scale=self._guidance(),
            scheduler=scheduler.name,
            seed=said.seed.seed if said.seed else None,
            clip_skip=self._nearest("clip skip", said.clip_skip, 0, info.max_clip_skip),
        )
        recipe = build_recipe(info, ask, new_seed, self._limits)
        if said.seed is None:
            self._note("seed")
        else:
            recipe = replace(recipe, images=(said.seed,))
        if said.from_picture:
            self._note("picture")
        if said.unreadable:
            self._note("unreadable", ", ".join(said.unreadable))
        return RecipePlan(recipe, tuple(self._changes))

    def _note(self, what: str, said: str = "", used: str = "") -> None:
        self._changes.append(RecipeChange(what, said, used))

    def _scheduler(self) -> SchedulerInfo:
        offered = {each.name.casefold(): each for each in self._info.schedulers}
        said = self._said.scheduler
        if said is None:
            return offered[self._info.scheduler.casefold()]
        name = said.casefold()
        if name in offered:
            return offered[name]
        chosen = offered.get(name.rpartition(" ")[0]) or offered[self._info.scheduler.casefold()]
        self._note("scheduler", said, chosen.name)
        return chosen

    def _size(self) -> tuple[int, int]:
        said, info, most = self._said, self._info, self._limits.largest_side
        allowed = [size for size in info.sizes if max(size.width, size.height) <= most] or list(info.sizes)
        if not said.width or not said.height:
            return allowed[0].width, allowed[0].height
        width, height = said.width, said.height
        high = min(info.max_side, most)
        if all(side % info.size_step == 0 and info.min_side <= side <= high for side in (width, height)):
            return width, height
        shape = math.log(width / height)
        nearest = min(allowed, key=lambda size: abs(math.log(size.width / size.height) - shape))
        self._note("size", f"{width}x{height}", str(nearest))
        return nearest.width, nearest.height

    def _steps(self, scheduler: SchedulerInfo) -> int | None:
        info = self._info
        high = min(info.max_steps, scheduler.max_steps, self._limits.most_steps)
        return self._nearest("steps", self._said.steps, max(info.min_steps, scheduler.min_steps), high)

    def _guidance(self) -> float | None:
        return self._nearest("guidance", self._said.guidance_scale, self._info.min_guidance, self._info.max_guidance)

    def _nearest(self, what: str, said: Number | None, low: Number, high: Number) -> Number | None:
        if said is None or low <= said <= high:
            return said
        used = max(low, min(said, high))
        self._note(what, f"{said:.12g}", f"{used:.12g}")
        return used

    def _with_avoided(self, negative_prompt: str) -> str:
        whole = whole_negative_prompt(negative_prompt, model="", style="", guild=self._avoided)
        if whole != negative_prompt:
            self._note("server", used=self._avoided)
        return whole

    def _without_unknown_loras(self, *prompts: str) -> list[str]:
        own = {lora.name.casefold() for lora in self._info.offered_loras()}
        known, unknown = [], []
        for prompt in prompts:
            rest, tags = split_loras(prompt)
            kept = [tag for tag in tags if tag.name.casefold() in own]
            unknown += [tag.name for tag in tags if tag not in kept]
            known.append(prompt if len(kept) == len(tags) else " ".join([rest.strip(" ,"), *map(str, kept)]))
        if unknown:
            self._note("lora", ", ".join(dict.fromkeys(unknown)))
        return known
