from __future__ import annotations

from tests.discord.easel import Studio


async def test_a_request_is_one_message_that_ends_with_its_pictures_and_buttons(studio: Studio) -> None:
    done = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", count=2)
    message = await done.message.until(lambda it: "Reroll" in it.labels)

    assert len(message.pictures) == 1
    assert message.labels[:2] == ["Show 1", "Show 2"]
    assert [each.id for each in studio.discord.state.messages.values()] == [message.id]
