"""Draw a picture over, or what lies around it: each starts from the picture's own file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from bot.domain.policy import Member
from bot.domain.prompts import check_typed
from bot.domain.records import Generation, JobKind, Place
from bot.storage import Store
from bot.usecases.acceptance import Acceptance, Origin
from bot.usecases.imagine import prompt_for
from bot.usecases.init_images import check_strength
from bot.usecases.lookup import drawn_recipe, find_for, kept_file
from bot.usecases.terms import Terms, load_terms
from engine.api import (
    PARSER_VERSION,
    Direction,
    EngineClient,
    ImageSeed,
    InitImage,
    InvalidSize,
    ModelInfo,
    Placement,
    Recipe,
    panned,
    zoomed_out,
)

ZOOM = 1.5
# Less leaves streaks of the picture's edges, more forgets how the picture went on. By eye, on the built-in model.
AROUND_STRENGTH = 0.8
_GROWN = (1, 2, 4)


class Img2Img:
    """Accepts jobs that start from one picture of a recorded generation; each makes one picture, with a new seed.

    Every call raises:
        Refusal: no such generation or picture here, deleted, past retention, the same press is under way, or the
            policy forbids it.
        Refused, Unavailable: the engine cannot take it (any more).
    """

    def __init__(self, store: Store, engine: EngineClient, acceptance: Acceptance, new_seed: Callable[[], int]) -> None:
        self._store = store
        self._engine = engine
        self._acceptance = acceptance
        self._new_seed = new_seed

    async def prompt(self, member: Member, generation_id: str, index: int) -> str:
        """Return the prompt of a picture for img2img."""
        parent, _ = await self._find(member, generation_id, index)
        return parent.recipe.prompt

    async def over(
        self, member: Member, place: Place, generation_id: str, index: int, prompt: str, strength: float
    ) -> Generation:
        """Accept an img2img of the picture after another prompt.

        Args:
            member: who asks.
            place: where.
            generation_id, index: the picture.
            prompt: what to draw, as typed.
            strength: how much of the picture is drawn anew, MIN_STRENGTH to 1.0.
        """
        check_strength(strength)
        check_typed(prompt)
        parent, sha256 = await self._find(member, generation_id, index)
        terms = await self._terms(member)
        info = terms.find(parent.recipe.model)
        text = prompt_for(info, prompt.strip())
        recipe = self._anew(info, await drawn_recipe(self._store, parent), InitImage(sha256, strength))
        recipe = info.with_addons(replace(recipe, prompt=text, parser_version=PARSER_VERSION))
        asked = hashlib.sha256(f"{strength} {text}".encode()).hexdigest()[:16]
        origin = Origin(parent.id, index, f"over:{parent.id}:{index}:{asked}:{member.user_id}")
        return await self._acceptance.accept(member, terms, place, JobKind.VARY, recipe, origin)

    async def zoom_out(self, member: Member, place: Place, generation_id: str, index: int) -> Generation:
        """Accept the picture made smaller in its frame, with what is around it drawn new."""
        return await self._around(member, place, generation_id, index, "out", lambda w, h: zoomed_out(w, h, ZOOM))

    async def pan(
        self, member: Member, place: Place, generation_id: str, index: int, direction: Direction
    ) -> Generation:
        """Accept the picture after its frame has moved by half of itself, with what comes into sight drawn new."""
        return await self._around(member, place, generation_id, index, direction, lambda w, h: panned(w, h, direction))

    async def _around(
        self,
        member: Member,
        place: Place,
        generation_id: str,
        index: int,
        name: str,
        placement: Callable[[int, int], Placement],
    ) -> Generation:
        parent, sha256 = await self._find(member, generation_id, index)
        terms = await self._terms(member)
        info = terms.find(parent.recipe.model)
        drawn = await drawn_recipe(self._store, parent)
        width, height = drawable_size(info, drawn.width, drawn.height)
        start = InitImage(sha256, AROUND_STRENGTH, "pad", placed=placement(width, height))
        origin = Origin(parent.id, index, f"around:{parent.id}:{index}:{name}:{member.user_id}")
        recipe = self._anew(info, drawn, start)
        return await self._acceptance.accept(member, terms, place, JobKind.VARY, recipe, origin)

    async def _find(self, member: Member, generation_id: str, index: int) -> tuple[Generation, str]:
        """Return the generation, and the hash of the picture's file, which is there."""
        parent = await find_for(self._store, member, generation_id)
        return parent, await kept_file(self._store, parent, index)

    async def _terms(self, member: Member) -> Terms:
        return await load_terms(self._store, self._engine, member.guild_id)

    def _anew(self, info: ModelInfo, recipe: Recipe, start: InitImage) -> Recipe:
        """Return the recipe for one picture from that start, with the files that the model has today."""
        width, height = drawable_size(info, recipe.width, recipe.height)
        images = (ImageSeed(self._new_seed()),)
        return replace(
            recipe, model_revision=info.revision, width=width, height=height, images=images, init_image=start
        )


def drawable_size(info: ModelInfo, width: int, height: int) -> tuple[int, int]:
    """Return the size itself if the model draws it from nothing, else the one from before it was upscaled.

    Raises:
        InvalidSize: there is neither.
    """
    for factor in _GROWN:
        with suppress(InvalidSize):
            info.check_size(width // factor, height // factor)
            return width // factor, height // factor
    raise InvalidSize(width, height, tuple(str(size) for size in info.sizes[:2]))
