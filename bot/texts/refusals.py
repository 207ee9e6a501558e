"""Why something is not drawn: the request, the engine, or what the server's moderators decided."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts.phrases import WORD_LENGTH, choices, duration, moment, number, pictures
from bot.texts.sanitize import inert

# What is wrong with a request

PROMPT_EMPTY = "The prompt is empty. Describe what you want to see."
PROMPT_UNREADABLE = "This prompt holds characters that are no text. Please type it again."
PROMPT_FORBIDDEN = (
    "This prompt seems to ask for something that is never drawn here. If it is about grown-ups, write woman or man; "
    "otherwise please draw something else."
)


NEGATIVE_FORBIDDEN = (
    "With this negative prompt, the prompt asks for something that is never drawn here. Please leave words for clothes "
    "and for grown-ups out of it."
)


def text_too_long(part: str, length: int, limit: int) -> str:
    """Say what was too long: what was typed, or what became of it."""
    if part.startswith("whole "):
        part = part.removeprefix("whole ")
        return (
            f"With the words of style, model, LoRAs and server, the {part} has {length} characters, and at most "
            f"{limit} are drawn. Please shorten it, or leave some of these out."
        )
    return f"A {part} may have {limit} characters, and this one has {length}. Please shorten it."


def too_many_permutations(limit: int) -> str:
    return (
        f"The braces of this prompt stand for more than {limit} prompts. Please give fewer alternatives, or put a "
        "backslash before braces that belong to the text."
    )


def unknown_model(model: str, known: Sequence[str]) -> str:
    return f"There is no model called {inert(model, WORD_LENGTH)}. Choose one of: {choices(known)}."


def unknown_scheduler(scheduler: str, known: Sequence[str]) -> str:
    return f"There is no scheduler called {inert(scheduler, WORD_LENGTH)}. Choose one of: {choices(known)}."


def invalid_size(width: int, height: int, nearest: Sequence[str]) -> str:
    return f"{width}x{height} is not a size this model can draw. The nearest it can: {choices(nearest, 'or')}."


def out_of_range(field: str, value: float, low: float, high: float) -> str:
    name = field.replace("_", " ")
    return f"{name[:1].upper()}{name[1:]} must be between {number(low)} and {number(high)}, not {number(value)}."


def wrong_value(field: str, value: str, hint: str) -> str:
    if not value:
        return hint
    return f"“{inert(value, WORD_LENGTH)}” does not work for {field.replace('_', ' ')}. {hint}"


def seed_hint(high: int) -> str:
    return f"A seed is a whole number from 0 to {high}. Leave it out for a random one."


def size_hint(sizes: Sequence[str]) -> str:
    return f"Write WIDTHxHEIGHT in pixels, or choose one of: {choices(sizes)}."


def too_busy(eta_s: float) -> str:
    return f"The queue is full. Please try again in {duration(eta_s)}."


# Why the engine cannot draw now, or did not

SAFETY_UNAVAILABLE = (
    "Nothing is drawn right now, because the safety checker did not pass its own test. The bot's owner can see why."
)
ENGINE_STOPPED = "The drawing engine is not running right now. Please try again in a minute."
ENDS_WORKERS = (
    "Whatever draws this crashes each time, even with nothing else to do, so I have stopped trying. Change something: "
    "a smaller size, fewer pictures, another model or scheduler. If that does not help, tell the bot's owner."
)
WORKER_DIED = "The drawing engine stopped more than once while drawing this. Please try again."
NOT_KEPT = (
    "My disk is full or cannot be written, so this could not be kept. It counts for nothing, and the bot's owner hears "
    "of it: please try again later."
)
GENERATION_FAILED = "Something broke while drawing this. It was not your prompt; please try again."
OUT_OF_MEMORY = (
    "There was not enough memory to draw this. Try a smaller size or fewer pictures; the bot's owner hears of it."
)
DEADLINE_PASSED = "This waited too long in the queue and was given up. Please try again when it is quieter."


def model_unavailable(model: str) -> str:
    return f"The model {inert(model, WORD_LENGTH)} could not be loaded. Choose another, or tell the bot's owner."


# What a server's moderators decided

NO_MODEL_ALLOWED = "This server's moderators have turned off every model, so nothing can be drawn here for now."


def model_denied(model: str, allowed: Sequence[str]) -> str:
    instead = f"Use {choices(allowed, 'or')} instead." if allowed else "No other model is left."
    return f"This server's moderators have turned off the model {inert(model, WORD_LENGTH)}. {instead}"


NOT_AGE_RESTRICTED = (
    "This server draws in age-restricted channels only, and this is none. Please go to one, or ask a moderator."
)
WITHHELD = "The pictures are not posted: this server's moderators changed meanwhile what is drawn here."
WITHHELD_BY_CHANNEL = (
    "The pictures are not posted: this server shows them in age-restricted channels only, and this is none any more."
)


def withheld(model: str) -> str:
    name = inert(model, WORD_LENGTH)
    return (
        f"The pictures are not posted: this server's moderators turned off the model {name} meanwhile. "
        "Use /imagine with another model."
    )


def too_many_pictures(asked: int, limit: int) -> str:
    return f"You may ask for {pictures(limit)} in one request here, not {asked}."


def daily_quota_used(asked: int, used: int, limit: int, resets_at: float) -> str:
    if not limit:
        return "Drawing is not open to you on this server. A moderator can change that with /admin limits."
    left = max(0, limit - used)
    rest = "none left" if left == 0 else f"{left} left"
    return (
        f"You have {rest} of {pictures(limit)} for today, and this needs {asked}. It starts again {moment(resets_at)}."
    )


def too_many_at_once(asked: int, active: int, limit: int) -> str:
    if not active:
        return f"You may have {pictures(limit)} under way at once here; this needs {asked}. Ask for fewer."
    return (
        f"You have {pictures(active)} under way and may have {limit} at once here; this needs {asked}. "
        "Wait for one to finish, or ask for fewer."
    )


def size_over_limit(width: int, height: int, limit: int, nearest: Sequence[str]) -> str:
    instead = f"The nearest allowed: {choices(nearest, 'or')}." if nearest else "Ask a moderator to raise the limit."
    return f"{width}x{height} is too large: no side may be over {limit} pixels here. {instead}"


def steps_over_limit(asked: int, limit: int) -> str:
    return f"Steps may be {limit} at most here, not {asked}."
