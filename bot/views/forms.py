"""Forms that were filled in. Their whole state is in their `custom_id`.

discord.py is not told to wait for them: a form may be sent off after a restart, or never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import discord

from bot.interactions import answers, handling
from bot.texts import inputs as texts
from bot.views.builder import BUILD_FORM, take_build
from bot.views.img2img import OVER_FORM, take_over
from bot.views.press import PREFIX, Host

_FORMS = ((BUILD_FORM, take_build), (OVER_FORM, take_over))


async def sent_off(interaction: discord.Interaction[Any], host: Host) -> None:
    """Take a form that was filled in: accept what it asks for as a job of the member, or say what is wrong.

    Forms that discord.py waits for have names without our prefix, and are none of ours.
    """
    data = cast(Mapping[str, Any], interaction.data)
    if not data["custom_id"].startswith(f"{PREFIX}:"):
        return
    handling.watch(interaction, answers.Late.PUBLIC)
    try:
        for form, take in _FORMS:
            if match := form.fullmatch(data["custom_id"]):
                await take(interaction, host, match, dict(_answers(data["components"])))
                return
        await handling.tell(interaction, texts.FORM_UNREADABLE)
    except Exception as error:
        await handling.answer_error(interaction, error)


def _answers(components: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield what was written, by the name of its field; Discord wraps each field in a label."""
    for component in components:
        field = component.get("component", component)
        if "value" in field:
            yield field["custom_id"], field["value"]
