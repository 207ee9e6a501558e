"""The message about a generation, from the queue to its pictures or its end."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.records import Generation, JobKind
from bot.texts import inputs, upscaling
from bot.texts.phrases import MESSAGE_LENGTH, duration, percent
from bot.texts.sanitize import inert, plain_cut
from bot.usecases.running_jobs import Drawing, Waiting
from bot.usecases.variations import SUBTLE
from engine.api import ImageSeed, Recipe, Variation

PROMPT_LENGTH = 700
NEGATIVE_LENGTH = 200


def heading(generation: Generation) -> str:
    """Return what was asked, the first line of every message about a generation.

    Above the answer to a command Discord itself names the member; above the answer to a button it does not.
    """
    prompt = inert(generation.recipe.prompt, PROMPT_LENGTH)
    return prompt if generation.press is None else f"<@{generation.user_id}> · {prompt}"


def accepted(generation: Generation) -> str:
    return f"{heading(generation)}\nIn the queue…"


def waiting(generation: Generation, update: Waiting) -> str:
    if update.pulled is not None:
        return f"{heading(generation)}\nThe model is being downloaded, {int(100 * update.pulled)} %"
    place = "You are next" if update.position <= 1 else f"In the queue, place {update.position}"
    eta = "" if update.eta_s is None else f" · {duration(update.eta_s)}"
    return f"{heading(generation)}\n{place}{eta}"


def drawing(generation: Generation, update: Drawing) -> str:
    doing = "Upscaling" if generation.kind is JobKind.UPSCALE else "Drawing"
    lines = [heading(generation), f"{doing}… {percent(update.step, update.total)}"]
    if update.preview is not None and update.preview.picture is not None:
        lines.append(f"-# Preview at {percent(update.preview.step, update.total)}. The picture will differ.")
    return "\n".join(lines)


def result(generation: Generation, indexes: Sequence[int], notices: Sequence[str]) -> str:
    """Return the text above finished pictures: what was asked, how to draw it again, and what is missing.

    Args:
        generation: its record.
        indexes: the pictures shown, as positions in the recipe.
        notices: sentences about pictures that are not shown.
    """
    recipe = generation.recipe
    lines = [heading(generation)]
    if without := inert(recipe.negative_prompt, NEGATIVE_LENGTH):
        lines.append(f"Without: {without}")
    lines.append(f"-# {settings(recipe)}")
    lines.append(f"-# {seeds([recipe.images[index] for index in indexes])} · id {generation.id}")
    return "\n".join([*lines, *notices])[:MESSAGE_LENGTH]


def settings(recipe: Recipe) -> str:
    clip_skip = f" · clip skip {recipe.clip_skip}" if recipe.clip_skip else ""
    start = f" · {inputs.started_from(recipe.init_image.strength)}" if recipe.init_image else ""
    return upscaling.settings(recipe) or (
        f"{recipe.model} · {recipe.width}x{recipe.height} · {recipe.steps} steps · "
        f"guidance {recipe.guidance_scale:g} · {recipe.scheduler}{clip_skip}{start}"
    )


def seeds(images: Sequence[ImageSeed]) -> str:
    if not images:
        return "no picture"
    named = ", ".join(seed(image) for image in images)
    return f"seed {named}" if len(images) == 1 else f"seeds {named}"


def seed(image: ImageSeed) -> str:
    """Return a seed and the last way it was varied, e.g. "7~12 (subtle)"."""
    if not image.variations:
        return str(image.seed)
    return f"{image.seed}~{_variation(image.variations[-1])}"


def _variation(variation: Variation) -> str:
    return f"{variation.seed} ({'subtle' if variation.strength <= SUBTLE else 'strong'})"


SENT_AS = {
    "webp": "Sent as WebP: the PNG is too large for this server.",
    "jpg": "Sent as JPEG: the PNG is too large for this server.",
}
PICTURE_TOO_LARGE = "The file is too large for this server. Ask for a smaller size, or use Show for single pictures."


def alt_text(generation: Generation) -> str:
    return plain_cut(f"Drawn by {generation.recipe.model}: {generation.recipe.prompt}", 300)


NOT_AS_IT_WAS = "Discord took this message without its buttons only. Use /imagine again for more."
PICTURES_NOT_TAKEN = (
    "Discord did not take the pictures. Use /imagine again; with the seed above they come out the same."
)
WORDS_NOT_TAKEN = "This is over, but Discord did not take what I had to say or show. Please use /imagine again."


def from_thread(user_id: int, thread_id: int) -> str:
    return f"-# For <@{user_id}> in <#{thread_id}>, where I cannot write any more."


CANCELLED = "Cancelled. It does not count towards your pictures for today."
NOTHING_TO_SHOW = "Nothing was drawn."
NOT_POSTED = "The pictures could not be posted here. Please use /imagine again, where I may write and attach files."
SHOWN_ELSEWHERE = "This is shown in another message: {link}"


def blocked(number: int, count: int) -> str:
    if number == count:
        what = "This picture was" if count == 1 else f"All {count} pictures were"
        return f"{what} held back by the safety checker. It is careful and can be wrong: try Reroll, or other words."
    verb = "was" if number == 1 else "were"
    return f"{number} of {count} pictures {verb} held back by the safety checker. Reroll to try other seeds."


def gone(number: int, count: int) -> str:
    if number == count:
        return "This picture is no longer here." if count == 1 else "These pictures are no longer here."
    return f"{number} of {count} pictures {'is' if number == 1 else 'are'} no longer here. Reroll draws new ones."


def ended_badly(generation: Generation, reason: str) -> str:
    return f"{heading(generation)}\n{reason}"
