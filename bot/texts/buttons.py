"""The buttons under pictures, and what is said to presses that change nothing."""

from __future__ import annotations

CANCEL = "Cancel"
REROLL = "Reroll"
DELETE = "Delete"
VARY_SUBTLE = "Vary subtle"
VARY_STRONG = "Vary strong"


def show(number: int) -> str:
    return f"Show {number}"


def vary(number: int) -> str:
    return f"Vary {number}"


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


SHOWN_TOO_LARGE = "This server no longer takes files as large as this picture. Reroll draws new ones that fit."
