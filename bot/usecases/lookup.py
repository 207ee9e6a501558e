"""Find what a button or an option names, and who may touch it."""

from __future__ import annotations

from bot.domain.policy import Member
from bot.domain.records import Generation, JobState, PictureRecord
from bot.storage import Store
from bot.usecases.refusals import GenerationDeleted, NoSuchPicture, NotAllowed, UnknownGeneration
from engine.api import Recipe, Verdict


async def find_generation(store: Store, generation_id: str) -> Generation:
    """Return a generation. Raises UnknownGeneration."""
    generation = await store.jobs.get(generation_id)
    if generation is None:
        raise UnknownGeneration(generation_id)
    return generation


async def find_for(store: Store, member: Member, generation_id: str) -> Generation:
    """Return a generation of the member's guild. Raises UnknownGeneration, GenerationDeleted."""
    generation = await find_generation(store, generation_id)
    if generation.place.guild_id != member.guild_id:
        raise UnknownGeneration(generation_id)
    if generation.state is JobState.DELETED:
        raise GenerationDeleted(generation_id)
    return generation


def allowed_picture(generation: Generation, index: int) -> PictureRecord:
    """Return a picture that the safety gate allowed, and that was not withheld. Raises NoSuchPicture."""
    picture = next((picture for picture in generation.pictures if picture.index == index), None)
    if picture is None or picture.verdict is not Verdict.ALLOW or generation.state is JobState.WITHHELD:
        raise NoSuchPicture(generation.id, index)
    return picture


async def kept_file(store: Store, generation: Generation, index: int) -> str:
    """Return the hash of an allowed picture's file, which is there. Raises NoSuchPicture."""
    sha256 = allowed_picture(generation, index).file_sha256
    if sha256 is None or await store.pictures.read(generation.id, index) is None:
        raise NoSuchPicture(generation.id, index)
    return sha256


def check_owner(member: Member, generation: Generation, action: str) -> None:
    """Raise NotAllowed unless the member made the generation or moderates its guild."""
    if member.user_id != generation.user_id and not member.may_moderate:
        raise NotAllowed(action)


async def drawn_recipe(store: Store, generation: Generation) -> Recipe:
    """Return what a model drew: if an upscaler made the generation, what it made it of."""
    while generation.recipe.upscaler is not None and generation.parent_id is not None:
        generation = await find_generation(store, generation.parent_id)
    return generation.recipe
