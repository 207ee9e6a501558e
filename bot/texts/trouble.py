"""What is said when something is wrong with the bot, its records or Discord."""

from __future__ import annotations

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
