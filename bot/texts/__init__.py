"""Every sentence a user reads. Short, as most are read on a phone; members' words go through `bot.quoting`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.policy import Limits, Usage
from bot.quoting import inert, plain_cut
from bot.records import Generation, Kind
from bot.texts import inputs, upscaling
from bot.usecases.draw import Drawing, Waiting
from bot.usecases.rework import SUBTLE
from engine.api import ImageSeed, Recipe, Variation

PROMPT_LENGTH = 700
NEGATIVE_LENGTH = 200
WORD_LENGTH = 100
MESSAGE_LENGTH = 2000

# Commands and options

IMAGINE = "Draw pictures from a description"
IMAGINE_PROMPT = "What you want to see"
IMAGINE_NEGATIVE = "What you do not want to see"
IMAGINE_MODEL = "Which model draws"
IMAGINE_SIZE = "A size from the list, or WIDTHxHEIGHT in pixels"
IMAGINE_STEPS = "More steps take longer and add detail"
IMAGINE_GUIDANCE = "How closely to follow the prompt"
IMAGINE_SCHEDULER = "How noise is removed, step by step"
IMAGINE_SEED = "A number from 0 to 4294967295; the same seed gives the same picture"
IMAGINE_COUNT = "How many pictures, 1 to 4"
IMAGINE_PRESET = "Speed or detail; what you set yourself wins over it"
IMAGINE_PRESETS = {
    "draft": "Draft · about twice as fast, to try an idea",
    "standard": "Standard · what suits the model",
    "quality": "Quality · slower, with more steps",
}

QUOTA = "See how many pictures you may still ask for"

# Buttons

CANCEL = "Cancel"
REROLL = "Reroll"
DELETE = "Delete"
VARY_SUBTLE = "Vary subtle"
VARY_STRONG = "Vary strong"


def show(number: int) -> str:
    return f"Show {number}"


def vary(number: int) -> str:
    return f"Vary {number}"


# The evolving message


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
    doing = "Upscaling" if generation.kind is Kind.UPSCALE else "Drawing"
    lines = [heading(generation), f"{doing}… {_percent(update.step, update.total)}"]
    if update.preview is not None and update.preview.picture is not None:
        lines.append(f"-# Preview at {_percent(update.preview.step, update.total)}. The picture will differ.")
    return "\n".join(lines)


def _percent(step: int, total: int) -> str:
    return f"{min(round(100 * step / total), 100) if total else 0} %"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


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
SHOWN_TOO_LARGE = "This server no longer takes files as large as this picture. Reroll draws new ones that fit."


def alt_text(generation: Generation) -> str:
    return plain_cut(f"Drawn by {generation.recipe.model}: {generation.recipe.prompt}", 300)


NOT_AS_IT_WAS = "Discord took this message without its buttons only. Use /imagine again for more."
PICTURES_NOT_TAKEN = (
    "Discord did not take the pictures. Use /imagine again; with the seed above they come out the same."
)
WORDS_NOT_TAKEN = "This is over, but Discord did not take what I had to say or show. Please use /imagine again."


def from_thread(user_id: int, thread_id: int) -> str:
    return f"-# For <@{user_id}> in <#{thread_id}>, where I cannot write any more."


# How a job can end without pictures

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


# Presses that change nothing

UNKNOWN_GENERATION = "I have no record of these pictures in this server."
GENERATION_DELETED = "These pictures were deleted."
ALREADY_UNDER_WAY = "I am already on it: this is being drawn."
NO_SUCH_PICTURE = "This picture is no longer here. Reroll draws new ones."
NOT_CANCELLABLE = "This is over already, so there is nothing to cancel."
UNREADABLE_BUTTON = "I do not know this button any more. Please use /imagine."
NOT_ALLOWED = {
    "delete": "Only the person who asked for these pictures, or a moderator, can delete them.",
    "cancel": "Only the person who asked for this, or a moderator, can cancel it.",
    "moderate": "Only members with the Manage Server permission can do this.",
}


def too_many_variations(limit: int) -> str:
    return f"This picture is already {limit} variations deep, which is as far as it goes. Reroll starts afresh."


# Faults

SERVER_ONLY = "This works in servers only. Please use it in a server where I am a member."
NOT_IN_TIME = "This takes longer than Discord lets me think. Nothing was changed; please try it again in a moment."
TOLD_ALONE = "There is nothing to see here. If you asked for this, look for my answer below, which only you can see."
COMMAND_CHANGED = "This command has changed. Please restart Discord and try again."
CANNOT_SAVE = (
    "My disk is full or cannot be written, so I cannot take anything on. Nothing was changed, and the bot's owner "
    "hears of it: please try again later."
)
STORAGE_TROUBLE = "My records cannot be reached right now. Nothing was changed; please try again in a minute."


def something_went_wrong(reference: str) -> str:
    return f"Something went wrong on my side. If it happens again, tell the bot's owner this reference: {reference}"


# Quota


def quota(limits: Limits, usage: Usage) -> str:
    left = max(0, limits.pictures_per_day - usage.today)
    return "\n".join(
        [
            f"Today: {usage.today} of {pictures(limits.pictures_per_day)} used, {left} left. "
            f"It starts again {moment(usage.resets_at)}.",
            f"Under way: {usage.active} of {limits.pictures_at_once}.",
            f"In one request: {pictures(limits.pictures_per_request)}, sides up to {limits.largest_side} pixels, "
            f"up to {limits.most_steps} steps.",
        ]
    )


# Parts of sentences


def number(value: float) -> str:
    """Return a number as it was typed, without an exponent."""
    return f"{value:.12g}"


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def choices(names: Sequence[str], last: str = "") -> str:
    """Return names as a list in a sentence, cut to a length that fits a message."""
    separator = f" {last} " if last else ", "
    return inert(separator.join(names) or "none", 600)


def moment(at: float) -> str:
    """Return a time that Discord shows in the reader's own time zone, relative to now."""
    return f"<t:{round(at)}:R>"
