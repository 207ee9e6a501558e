"""What members read about how a picture was drawn."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts import generation as generation_texts
from bot.texts import phrases
from bot.texts.sanitize import inert
from bot.usecases.recipes import RecipeChange
from engine.api import Parameters

RECIPE = "See how a picture was drawn, and draw it again"
RECIPE_PICTURE = "A PNG, JPEG or WebP file, drawn here or elsewhere"
READ_RECIPE = "Read recipe"
RUN = "Run it"

NONE_IN_FILE = (
    "This picture does not say how it was drawn. Screenshots, edited copies and previews lose it: "
    "try the file as it was first saved."
)
NO_PICTURE = "This message has no picture attached. Use Read recipe on a message that has one."
GONE = "What I read is not here any more. Please use /recipe on the picture again."

VALUE_LENGTH = 100


def found(parameters: Parameters, remarks: Sequence[str]) -> str:
    """Return what a picture's file says, and what to know before it is drawn again."""
    lines = [inert(parameters.prompt, generation_texts.PROMPT_LENGTH) or "No prompt"]
    if without := inert(parameters.negative_prompt, generation_texts.NEGATIVE_LENGTH):
        lines.append(f"Without: {without}")
    if known := settings(parameters):
        lines.append(f"-# {known}")
    if parameters.seed:
        lines.append(f"-# {generation_texts.seeds([parameters.seed])}")
    return "\n".join([*lines, *remarks])[: phrases.MESSAGE_LENGTH]


def settings(parameters: Parameters) -> str:
    known = (
        parameters.model and inert(parameters.model, VALUE_LENGTH),
        parameters.width and f"{parameters.width}x{parameters.height}",
        parameters.steps and f"{parameters.steps} steps",
        parameters.guidance_scale is not None and f"guidance {parameters.guidance_scale:g}",
        parameters.scheduler and inert(parameters.scheduler, VALUE_LENGTH),
        parameters.clip_skip and f"clip skip {parameters.clip_skip}",
    )
    return " · ".join(each for each in known if each)


def remark(change: RecipeChange, model: str) -> str:
    """Return what is not drawn as the file says.

    Args:
        change: what it is.
        model: which draws.
    """
    said, used = inert(change.said, VALUE_LENGTH), inert(change.used, VALUE_LENGTH)
    match change.what:
        case "model" if said:
            return f"The model {said} is not here, so {used} would draw it: expect another picture."
        case "model":
            return f"It does not say which model drew it; {used} would."
        case "seed":
            return "It has no seed that I can use, so a new one would be taken: expect another picture."
        case "lora":
            return f"LoRAs that are not here for this model and would be left out: {said}."
        case "server":
            return f"This server adds to what must not be seen: {used}."
        case "picture":
            return "It started from another picture, which the file does not hold, so it would be drawn from noise."
        case "unreadable":
            return f"Could not be read and left out: {said}."
    return f"{change.what.capitalize()} {said} cannot be had from {inert(model, VALUE_LENGTH)} here: {used} instead."


def cannot_run(reason: str) -> str:
    return f"It cannot be drawn again here: {reason}"
