"""What holds for every message that is sent: it mentions nobody, and a picture is a fresh upload."""

from __future__ import annotations

from io import BytesIO

import discord

from bot.texts.cards import ENDINGS, MessageContent

NO_MENTIONS = discord.AllowedMentions.none()


def files_of(card: MessageContent, name: str) -> list[discord.File]:
    """Return a card's picture as an upload, which can be sent once only.

    Args:
        card: what is sent.
        name: of the file, without ending.
    """
    if card.image is None:
        return []
    filename = f"{name}.{ENDINGS[card.image.media_type]}"
    return [discord.File(BytesIO(card.image.data), filename=filename, description=card.alt or None)]
