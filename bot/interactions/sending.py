"""What holds for every message that is sent: it mentions nobody, and a picture is a fresh upload."""

from __future__ import annotations

from io import BytesIO

import discord

from bot.texts.cards import ENDINGS, MessageContent

NO_MENTIONS = discord.AllowedMentions.none()


def files_of(content: MessageContent, name: str) -> list[discord.File]:
    """Return a card's picture as an upload, which can be sent once only.

    Args:
        content: what is sent.
        name: of the file, without ending.
    """
    if content.image is None:
        return []
    filename = f"{name}.{ENDINGS[content.image.media_type]}"
    return [discord.File(BytesIO(content.image.data), filename=filename, description=content.alt or None)]
