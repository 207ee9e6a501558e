"""Make new pictures from old ones: reroll, run again, vary and upscale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.domain.policy import Member
from bot.domain.records import Generation, JobKind, Place
from bot.storage import Store
from bot.usecases.acceptance import Acceptance, Origin
from bot.usecases.init_images import check_files
from bot.usecases.lookup import allowed_picture, drawn_recipe, find_for, kept_file
from bot.usecases.refusals import NoSuchPicture, TooManyVariations
from bot.usecases.terms import Terms, load_terms
from engine.api import MAX_IMAGES, MAX_VARIATIONS, EngineClient, ImageSeed, Recipe

SUBTLE = 0.15
STRONG = 0.4


class Variations:
    """Accepts jobs that start from a recorded generation."""

    def __init__(self, store: Store, engine: EngineClient, acceptance: Acceptance, new_seed: Callable[[], int]) -> None:
        self._store = store
        self._engine = engine
        self._acceptance = acceptance
        self._new_seed = new_seed

    async def reroll(self, member: Member, place: Place, generation_id: str) -> Generation:
        """Accept the same recipe with new seeds.

        Raises:
            Refusal: no such generation here, deleted, the same press is under way, or the policy forbids it.
            Refused, Unavailable: the engine cannot take it (any more); BadInput when what it started from is gone.
        """
        parent = await find_for(self._store, member, generation_id)
        recipe = await drawn_recipe(self._store, parent)
        await check_files(self._store, recipe)
        images = tuple(ImageSeed(self._new_seed()) for _ in parent.recipe.images)
        origin = Origin(parent.id, None, f"reroll:{parent.id}:{member.user_id}")
        terms = await self._terms(member)
        return await self._acceptance.accept(
            member, terms, place, JobKind.REROLL, _again(terms, recipe, images), origin
        )

    async def find(self, member: Member, generation_id: str) -> Generation:
        """Return a generation of the member's guild. Raises UnknownGeneration, GenerationDeleted."""
        return await find_for(self._store, member, generation_id)

    async def run(self, member: Member, place: Place, generation_id: str, index: int | None) -> Generation:
        """Accept the same recipe with the same seeds.

        Args:
            index: of the one picture to draw, from 0; None for all.

        Raises:
            Refusal: as in `reroll`; or there is no such picture.
            Refused, Unavailable: as in `reroll`.
        """
        parent = await find_for(self._store, member, generation_id)
        await check_files(self._store, parent.recipe)
        images = parent.recipe.images
        if index is not None:
            if index >= len(images):
                raise NoSuchPicture(generation_id, index)
            images = (images[index],)
        origin = Origin(parent.id, index, f"run:{parent.id}:{index}:{member.user_id}")
        terms = await self._terms(member)
        recipe = _again(terms, parent.recipe, images)
        return await self._acceptance.accept(member, terms, place, JobKind.REROLL, recipe, origin)

    async def vary(
        self,
        member: Member,
        place: Place,
        generation_id: str,
        index: int,
        strength: float,
        count: int | None = None,
    ) -> Generation:
        """Accept variations of one picture: its noise moved by `strength` towards random noise.

        Args:
            index: the picture, from 0.
            strength: 0.0 (the same picture) to 1.0; see SUBTLE and STRONG.
            count: pictures; None for as many as one request may have.

        Raises:
            Refusal: as in `reroll`; or the picture was blocked, or is a variation too many times over.
            Refused, Unavailable: the engine cannot take it (any more).
        """
        parent = await find_for(self._store, member, generation_id)
        picture = allowed_picture(parent, index)
        recipe = await drawn_recipe(self._store, parent)
        await check_files(self._store, recipe)
        if len(picture.seed.variations) >= MAX_VARIATIONS:
            raise TooManyVariations(MAX_VARIATIONS)
        terms = await self._terms(member)
        if count is None:
            limits = terms.limits(member)
            count = min(MAX_IMAGES, limits.pictures_per_request, limits.pictures_at_once)
        images = tuple(picture.seed.vary(self._new_seed(), strength) for _ in range(count))
        origin = Origin(parent.id, index, f"vary:{parent.id}:{index}:{strength}:{member.user_id}")
        return await self._acceptance.accept(member, terms, place, JobKind.VARY, _again(terms, recipe, images), origin)

    async def upscale(self, member: Member, place: Place, generation_id: str, index: int, factor: int) -> Generation:
        """Accept one picture grown, by an upscaler if there is one for this, or else by img2img with its model.

        Args:
            index: the picture, from 0.
            factor: by which each side grows.

        Raises:
            Refusal: as in `reroll`; or there is no such picture.
            Refused, Unavailable: the engine cannot take it; InvalidSize if its model cannot draw one as large.
        """
        parent = await find_for(self._store, member, generation_id)
        sha256 = await kept_file(self._store, parent, index)
        terms = await self._terms(member)
        upscaler = terms.find(parent.recipe.model).upscaler(factor)
        grown = parent.recipe.upscaled(index, sha256, factor, upscaler)
        origin = Origin(parent.id, index, f"upscale:{parent.id}:{index}:{factor}:{member.user_id}")
        recipe = _again(terms, grown, grown.images)
        return await self._acceptance.accept(member, terms, place, JobKind.UPSCALE, recipe, origin)

    async def _terms(self, member: Member) -> Terms:
        return await load_terms(self._store, self._engine, member.guild_id)


def _again(terms: Terms, recipe: Recipe, images: tuple[ImageSeed, ...]) -> Recipe:
    # The files the model has today are the ones that will draw it, and the record must say so.
    return replace(recipe, images=images, model_revision=terms.find(recipe.model).revision)
