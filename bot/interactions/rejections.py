"""What to do about a message that Discord did not take: one table of its error codes, then its HTTP statuses."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import aiohttp
import discord

# What comes back when a message did not reach Discord: discord.py lets faults of the network through as they are.
NOT_TAKEN = (discord.HTTPException, aiohttp.ClientError, OSError)


class Remedy(Enum):
    """What helps."""

    AGAIN = "the same again, later; perhaps it was done, and only the answer is lost"
    ANSWERED = "the interaction is answered already: rewrite that answer"
    CHANNEL = "the interaction's token is of no use (any more): write as the bot"
    REPLACE = "this message cannot be written (any more): a new one takes its place"
    ELSEWHERE = "the bot cannot write in this channel: the nearest place, if there is one"
    SMALLER = "the same without its file"
    PLAINER = "something in it is not taken: a plainer form"


# As Discord lists them, under "JSON error codes".
CODES: Mapping[int, Remedy] = {
    10003: Remedy.ELSEWHERE,  # unknown channel
    10004: Remedy.ELSEWHERE,  # unknown guild
    10008: Remedy.REPLACE,  # unknown message
    10014: Remedy.PLAINER,  # unknown emoji
    10015: Remedy.CHANNEL,  # unknown webhook: the token is over, or its interaction was never answered
    10062: Remedy.CHANNEL,  # unknown interaction: it was answered too late
    20009: Remedy.PLAINER,  # explicit content cannot be sent to the recipient
    20016: Remedy.AGAIN,  # slow mode
    20022: Remedy.AGAIN,  # edits of announcements are limited
    20028: Remedy.AGAIN,  # the channel has hit its write limit
    20029: Remedy.AGAIN,  # the server has hit its write limit
    30046: Remedy.REPLACE,  # too many edits of a message older than an hour
    40002: Remedy.ELSEWHERE,  # the account must be verified
    40004: Remedy.AGAIN,  # sending is switched off for now
    40005: Remedy.SMALLER,  # request entity too large
    40006: Remedy.AGAIN,  # this feature is switched off for now
    40058: Remedy.ELSEWHERE,  # no messages in a forum, only in its posts
    40060: Remedy.ANSWERED,  # the interaction was acknowledged already
    40062: Remedy.AGAIN,  # the resource is rate limited
    50001: Remedy.ELSEWHERE,  # missing access
    50003: Remedy.ELSEWHERE,  # not in a direct message
    50005: Remedy.REPLACE,  # another user's message
    50006: Remedy.PLAINER,  # an empty message
    50007: Remedy.ELSEWHERE,  # this user takes no messages
    50008: Remedy.ELSEWHERE,  # no text in this channel
    50009: Remedy.ELSEWHERE,  # the channel's verification level is too high
    50013: Remedy.ELSEWHERE,  # missing permissions
    50021: Remedy.REPLACE,  # a message of the system's
    50024: Remedy.ELSEWHERE,  # not in this type of channel
    50027: Remedy.CHANNEL,  # invalid webhook token
    50035: Remedy.PLAINER,  # invalid form body
    50045: Remedy.SMALLER,  # the file exceeds the maximum size
    50046: Remedy.PLAINER,  # an invalid file
    50083: Remedy.REPLACE,  # the thread is archived; a new message unarchives it
    50109: Remedy.PLAINER,  # invalid JSON
    50146: Remedy.PLAINER,  # the uploaded file was not found
    130000: Remedy.AGAIN,  # overloaded
    160005: Remedy.ELSEWHERE,  # the thread is locked
    160006: Remedy.ELSEWHERE,  # too many active threads, so this one stays archived
    200000: Remedy.PLAINER,  # stopped by automatic moderation
    200001: Remedy.PLAINER,  # its title stopped by automatic moderation
    240000: Remedy.PLAINER,  # stopped for a harmful link
}

_STATUSES: Mapping[int, Remedy] = {
    400: Remedy.PLAINER,
    401: Remedy.CHANNEL,
    403: Remedy.ELSEWHERE,
    404: Remedy.ELSEWHERE,
    413: Remedy.SMALLER,
}


def remedy_for(error: BaseException) -> Remedy:
    """Return what helps against one of NOT_TAKEN."""
    if not isinstance(error, discord.HTTPException):
        return Remedy.AGAIN
    return CODES.get(error.code) or _STATUSES.get(error.status, Remedy.AGAIN)
