"""What moderators read about the settings of their server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields

from bot.domain.policy import GuildPolicy, Limits
from bot.domain.records import LogEntry
from bot.texts.phrases import MESSAGE_LENGTH, WORD_LENGTH, moment
from bot.texts.refusals import wrong_value
from bot.texts.sanitize import inert
from bot.usecases.admin import ModelStanding

_ROLE = re.compile(r"^role (\d+)")

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
ADMIN_NEGATIVE = "What no picture here should show"
ADMIN_NEGATIVE_SET = "Add words to the negative prompt of every new request"
ADMIN_NEGATIVE_CLEAR = "Add nothing to negative prompts any more"
ADMIN_NEGATIVE_SHOW = "Show what is added to negative prompts"
ADMIN_NEGATIVE_WORDS = "Words with commas between, such as: text, watermark"
ADMIN_PREVIEWS = "Whether pictures are seen while they are drawn"
ADMIN_PREVIEWS_ON = "Show how a picture comes along while it is drawn"
ADMIN_PREVIEWS_OFF = "Show pictures when they are finished, not before"
ADMIN_CHANNELS = "Where pictures are drawn and shown"
ADMIN_CHANNELS_AGE_RESTRICTED = "Draw and show pictures in age-restricted channels only, or in all channels"
ADMIN_CHANNELS_ONLY = "On: in age-restricted channels only; off: in all"
ADMIN_LOG = "Show the last ten changes of these settings"

PREVIEWS_ON = "From the next request on, members see how their pictures come along."
PREVIEWS_OFF = "From the next request on, members see their pictures when they are finished, not before."

LIMIT_OPTIONS = {
    "pictures_per_request": "Pictures in one request",
    "pictures_per_day": "Pictures a day for each member",
    "pictures_at_once": "Pictures waiting or being drawn for each member",
    "largest_side": "Longest side of a picture, in pixels",
    "most_steps": "Most steps",
}


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


def no_limit_named(known: Sequence[str]) -> str:
    return f"Name at least one of: {', '.join(known)}."


def unknown_limit(name: str, known: Sequence[str]) -> str:
    return wrong_value("limits", name, f"Choose among: {', '.join(known)}.")


def limit_out_of_range(name: str, value: int, low: int, high: int) -> str:
    return wrong_value(name, str(value), f"Choose a number from {low} to {high}.")


def role_limits_cleared(role_id: int) -> str:
    return f"<@&{role_id}> has no limits of its own any more."


NEGATIVE_NONE = "This server adds nothing to negative prompts."


def negative(words: str) -> str:
    if not words:
        return NEGATIVE_NONE
    return f"Every new request here also has this in its negative prompt: {inert(words, 700)}"


def bad_negative_length(limit: int) -> str:
    return f"Write 1 to {limit} characters."


def loras_in_negative(words: str) -> str:
    return wrong_value("words", words, "Leave <lora:…> tags out: they belong to single prompts.")


ON, OFF = "on", "off"
AGE_RESTRICTED_ONLY = (
    "From now on pictures are drawn and shown in age-restricted channels only. Pictures still in the queue for others "
    "are not posted."
)
ALL_CHANNELS = "Pictures are drawn and shown in all channels in which members may use commands."


LOG_EMPTY = "Nothing has been changed yet."


def log(entries: Sequence[LogEntry]) -> str:
    lines = [f"{moment(entry.at)} · <@{entry.user_id}> · {entry.action}: {_details(entry)}" for entry in entries]
    return "\n".join(lines)[:MESSAGE_LENGTH]


def _details(entry: LogEntry) -> str:
    return _ROLE.sub(r"<@&\1>", inert(entry.details, 150))
