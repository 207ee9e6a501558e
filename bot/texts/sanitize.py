"""Make members' words inert, so that a prompt can be shown in a message without doing anything there."""

from __future__ import annotations

import re

from engine.api.folding import visible

_ZERO_WIDTH_SPACE = "\u200b"
_MARKDOWN = frozenset("\\*_~`|>[]()#")
_LIST_MARKS = ("-", "+")
_ELLIPSIS = "…"

_INVITE = re.compile(r"(?i)(discord(?:app)?)(?=\s*\.)")
_SCHEME = re.compile(r"://")


def inert(text: str, limit: int) -> str:
    """Return the text on one line, without any effect of its own, in at most `limit` characters.

    Mentions, timestamps, custom emoji, links and invites are broken by a zero-width space; markdown is escaped; control
    characters and those that change the direction of text are dropped.

    Args:
        text: what a member typed.
        limit: characters of the result, escapes included, at least 1.
    """
    plain = " ".join(visible(text).split())
    plain = _INVITE.sub(rf"\1{_ZERO_WIDTH_SPACE}", plain)
    plain = _SCHEME.sub(f":{_ZERO_WIDTH_SPACE}//", plain)
    pieces = [_escaped(character) for character in plain]
    if plain.startswith(_LIST_MARKS):
        pieces[0] = "\\" + plain[0]
    return _cut(pieces, limit)


def plain_cut(text: str, limit: int) -> str:
    """Return the visible text on one line in at most `limit` characters, for places where Discord reads no markup."""
    return _cut(list(" ".join(visible(text).split())), limit)


def _escaped(character: str) -> str:
    if character in _MARKDOWN:
        return "\\" + character
    if character in "@<":
        return character + _ZERO_WIDTH_SPACE
    return character


def _cut(pieces: list[str], limit: int) -> str:
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept: list[str] = []
    room = limit - len(_ELLIPSIS)
    for piece in pieces:
        if len(piece) > room:
            break
        kept.append(piece)
        room -= len(piece)
    return "".join(kept).rstrip() + _ELLIPSIS
