"""Every sentence a user reads. Short, as most are read on a phone; members' words go through `bot.quoting`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields

from bot.policy import GuildPolicy, Limits, Usage
from bot.quoting import inert, plain_cut
from bot.records import Generation, Kind, LogEntry
from bot.texts import inputs, upscaling
from bot.usecases.admin import ModelStanding
from bot.usecases.draw import Drawing, Waiting
from bot.usecases.rework import SUBTLE
from engine.api import ImageSeed, Recipe, Variation

PROMPT_LENGTH = 700
NEGATIVE_LENGTH = 200
WORD_LENGTH = 100
MESSAGE_LENGTH = 2000

_ROLE = re.compile(r"^role (\d+)")

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

ADMIN = "Settings for this server"
ADMIN_MODELS = "Which models members may use"
ADMIN_MODELS_LIST = "List the models and whether members may use them"
ADMIN_MODELS_ALLOW = "Let members use a model"
ADMIN_MODELS_DENY = "Stop members from using a model"
ADMIN_MODELS_DEFAULT = "Choose the model used when a member names none"
ADMIN_MODEL = "The model"
ADMIN_LIMITS = "How much members may ask for"
ADMIN_LIMITS_SHOW = "Show the limits"
ADMIN_LIMITS_SET = "Change limits, for everyone or for one role"
ADMIN_LIMITS_CLEAR = "Remove a role's own limits"
ADMIN_LIMITS_ROLE = "Only for members with this role"
ADMIN_LIMITS_CLEAR_ROLE = "The role whose limits to remove"
ADMIN_LOG = "Show the last ten changes of these settings"

LIMIT_OPTIONS = {
    "pictures_per_request": "Pictures in one request",
    "pictures_per_day": "Pictures a day for each member",
    "pictures_at_once": "Pictures waiting or being drawn for each member",
    "largest_side": "Longest side of a picture, in pixels",
    "most_steps": "Most steps",
}

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
    percent = round(100 * update.step / update.total) if update.total else 0
    doing = "Upscaling" if generation.kind is Kind.UPSCALE else "Drawing"
    return f"{heading(generation)}\n{doing}… {min(percent, 100)} %"


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


# How a job can end without pictures

CANCELLED = "Cancelled. It does not count towards your pictures for today."
NOTHING_TO_SHOW = "Nothing was drawn."


def some_blocked(blocked: int, count: int) -> str:
    verb = "was" if blocked == 1 else "were"
    return f"{blocked} of {count} pictures {verb} held back by the safety checker. Reroll to try other seeds."


def some_not_judged(errors: int, count: int) -> str:
    verb = "was" if errors == 1 else "were"
    return (
        f"{errors} of {count} pictures {verb} held back because the safety checker had a fault. "
        "That is not about your prompt; Reroll to try again."
    )


def all_blocked(count: int) -> str:
    what = "This picture was" if count == 1 else f"All {count} pictures were"
    return f"{what} held back by the safety checker. It is careful and can be wrong: try Reroll, or other words."


def all_not_judged(count: int) -> str:
    what = "this picture" if count == 1 else "these pictures"
    return f"The safety checker had a fault and could not look at {what}, so nothing is shown. Please try Reroll."


def ended_badly(generation: Generation, reason: str) -> str:
    return f"{heading(generation)}\n{reason}"


# What is wrong with a request

PROMPT_EMPTY = "The prompt is empty. Describe what you want to see."
PROMPT_UNREADABLE = "This prompt holds characters that are no text. Please type it again."
PROMPT_FORBIDDEN = "This prompt asks for something that is never drawn here. Please try something else."


INPUT_UNREADABLE = "This file is no whole PNG, JPEG or WebP picture. Please save it as one of these and try again."
INPUT_MISSING = "The picture that this starts from is not there any more. Please hand it in again."
MASK_SIZE = "The mask must have the same width and height as the picture. Please make it again over the picture."
INPUT_BLOCKED = "The picture you handed in was held back by the safety checker, so nothing was drawn from it."
INPUT_NOT_JUDGED = "The picture you handed in could not be checked, so nothing was drawn from it. Please try again."


def input_too_large(limit: int) -> str:
    return f"A picture's file may have {limit // 2**20} MB. Please hand in a smaller one."


def input_has_too_many_pixels(limit: int) -> str:
    return f"A picture may have {limit // 10**6} million pixels. Please scale it down and hand it in again."


def prompt_too_long(length: int, limit: int) -> str:
    return f"A prompt may have {limit} characters, and this one has {length}. Please shorten it."


def too_many_permutations(limit: int) -> str:
    return (
        f"The braces of this prompt stand for more than {limit} prompts. Please give fewer alternatives, or put a "
        "backslash before braces that belong to the text."
    )


def unknown_model(model: str, known: Sequence[str]) -> str:
    return f"There is no model called {inert(model, WORD_LENGTH)}. Choose one of: {choices(known)}."


def unknown_scheduler(scheduler: str, known: Sequence[str]) -> str:
    return f"There is no scheduler called {inert(scheduler, WORD_LENGTH)}. Choose one of: {choices(known)}."


def unknown_inversion(word: str, known: Sequence[str]) -> str:
    have = f"It has: {choices(known)}." if known else "It has none."
    return f"This model no longer has what {inert(word, WORD_LENGTH)} stood for. {have} Please type the prompt again."


def unknown_lora(lora: str, known: Sequence[str]) -> str:
    have = f"Choose one of: {choices(known)}." if known else "It has none; please leave the tag out."
    return f"This model has no LoRA called {inert(lora, WORD_LENGTH)}. {have}"


def lora_of_other_family(lora: str, family: str, wanted: str) -> str:
    return (
        f"The LoRA {inert(lora, WORD_LENGTH)} is for {inert(family, WORD_LENGTH)} models, and this one belongs to "
        f"{inert(wanted, WORD_LENGTH)}. Please choose another LoRA, or another model."
    )


def lora_unavailable(lora: str) -> str:
    return f"The file of the LoRA {inert(lora, WORD_LENGTH)} cannot be used. The bot's owner can see why."


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
WORKER_DIED = "The drawing engine stopped more than once while drawing this. Please try again."
GENERATION_FAILED = "Something broke while drawing this. It was not your prompt; please try again."
DEADLINE_PASSED = "This waited too long in the queue and was given up. Please try again when it is quieter."


def model_unavailable(model: str) -> str:
    return f"The model {inert(model, WORD_LENGTH)} could not be loaded. Choose another, or tell the bot's owner."


# What a server's moderators decided

NO_MODEL_ALLOWED = "This server's moderators have turned off every model, so nothing can be drawn here for now."


def model_denied(model: str, allowed: Sequence[str]) -> str:
    instead = f"Use {choices(allowed, 'or')} instead." if allowed else "No other model is left."
    return f"This server's moderators have turned off the model {inert(model, WORD_LENGTH)}. {instead}"


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
COMMAND_CHANGED = "This command has changed. Please restart Discord and try again."
STORAGE_TROUBLE = "My records cannot be reached right now. Nothing was changed; please try again in a minute."


def something_went_wrong(reference: str) -> str:
    return f"Something went wrong on my side. If it happens again, tell the bot's owner this reference: {reference}"


# Quota and settings


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


def models(standings: Sequence[ModelStanding]) -> str:
    lines = [
        f"{'✅' if standing.allowed else '🚫'} {standing.info.id}{' (default)' if standing.default else ''} · "
        f"{inert(standing.info.description, 150)}"
        for standing in standings
    ]
    return "\n".join(lines)[:MESSAGE_LENGTH]


def model_allowed(model: str) -> str:
    return f"Members may use {inert(model, WORD_LENGTH)}."


def model_withdrawn(model: str) -> str:
    return f"Members may no longer use {inert(model, WORD_LENGTH)}. Pictures still in the queue with it are not posted."


def model_default(model: str) -> str:
    return f"When a member names no model, {inert(model, WORD_LENGTH)} is used."


def policy(policy: GuildPolicy) -> str:
    lines = [
        "For everyone:",
        *(f"- {limit_line(name.name, getattr(policy.limits, name.name))}" for name in fields(Limits)),
    ]
    for role_id, changes in policy.role_limits.items():
        lines.append(f"For <@&{role_id}>:")
        lines.extend(f"- {limit_line(name, value)}" for name, value in changes.items())
    return "\n".join(lines)[:MESSAGE_LENGTH]


def limit_line(name: str, value: int) -> str:
    return f"{LIMIT_OPTIONS[name]}: {value} (`{name}`)"


NO_LIMIT_GIVEN = "Name at least one limit to change."


def role_limits_cleared(role_id: int) -> str:
    return f"<@&{role_id}> has no limits of its own any more."


LOG_EMPTY = "Nothing has been changed yet."


def log(entries: Sequence[LogEntry]) -> str:
    lines = [f"{moment(entry.at)} · <@{entry.user_id}> · {entry.action}: {_details(entry)}" for entry in entries]
    return "\n".join(lines)[:MESSAGE_LENGTH]


def _details(entry: LogEntry) -> str:
    return _ROLE.sub(r"<@&\1>", inert(entry.details, 150))


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
