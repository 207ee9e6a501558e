from __future__ import annotations

from io import BytesIO

from PIL import Image

from bot.texts import buttons as button_texts
from bot.texts import generation as generation_texts
from tests.discord.easel import Studio


def a_picture() -> bytes:
    """Return a picture as a member has one."""
    file = BytesIO()
    Image.new("RGB", (128, 128), "red").save(file, "PNG")
    return file.getvalue()


async def test_a_request_is_one_message_that_ends_with_its_pictures_and_buttons(studio: Studio) -> None:
    message = await studio.drawn("a red apple", count=2)

    assert message.history[0].content.endswith("In the queue…")
    assert message.history[0].labels == ["Cancel"]
    assert len(message.pictures) == 1
    assert Image.open(BytesIO(message.pictures[0])).size == (256, 128)
    assert message.labels[:2] == ["Show 1", "Show 2"]
    assert message.labels[-2:] == ["Reroll", "Delete"]
    assert studio.discord.state.posts() == [message]


async def test_a_reroll_is_a_message_of_its_own_with_another_picture(studio: Studio) -> None:
    first = await studio.drawn("a red apple")

    pressed = await studio.discord.press(studio.ben, first, "Reroll")
    second = await studio.finished(pressed)

    assert studio.discord.state.posts() == [first, second]
    assert second.pictures
    assert second.pictures != first.pictures


async def test_a_cancelled_request_says_so_and_keeps_no_button(studio: Studio) -> None:
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")

    await studio.discord.press(studio.ann, asked.message, "Cancel")
    message = await asked.message.until(lambda it: not it.labels)

    assert generation_texts.CANCELLED in message.content


async def test_deleted_pictures_are_gone_and_so_are_their_files(studio: Studio) -> None:
    message = await studio.drawn("a red apple")
    (attachment,) = message.attachments
    assert studio.discord.state.file(attachment.id) is not None

    await studio.discord.press(studio.ann, message, "Delete")
    await message.until(lambda it: it.is_deleted)

    assert studio.discord.state.posts() == []
    assert message.pictures == ()
    assert message.ever_shown[-1] == attachment.data
    assert studio.discord.state.file(attachment.id) is None


async def test_show_posts_one_picture_of_the_grid_for_all_to_see(studio: Studio) -> None:
    grid = await studio.drawn("a red apple", count=2)

    shown = await studio.discord.press(studio.ben, grid, "Show 2")

    assert studio.discord.state.posts() == [grid, shown.message]
    assert Image.open(BytesIO(shown.message.pictures[0])).size == (128, 128)


async def test_what_two_members_ask_at_once_comes_in_two_messages(studio: Studio) -> None:
    studio.worker.hold()
    mine = await studio.discord.command(studio.ann, "imagine", prompt="mine")
    yours = await studio.discord.command(studio.ben, "imagine", prompt="yours")

    studio.worker.release()

    for asked, prompt in ((mine, "mine"), (yours, "yours")):
        message = await studio.finished(asked)
        assert message.content.startswith(prompt)
        assert message.pictures


async def test_a_refusal_is_for_the_member_alone(studio: Studio) -> None:
    asked = await studio.discord.command(studio.ann, "imagine", prompt="")

    assert len(asked.whispers) == 1
    assert asked.message.reader == studio.ann.user
    assert studio.discord.state.posts() == []


async def test_several_prompts_in_one_are_follow_ups_of_one_press(studio: Studio) -> None:
    offer = await studio.discord.command(studio.ann, "imagine", prompt="a {red, blue} apple")
    assert offer.message.reader == studio.ann.user

    pressed = await studio.discord.press(studio.ann, offer.message, offer.message.labels[0])
    await pressed.until(lambda it: len(it.followups) == 2)
    messages = [await studio.easel.over(each) for each in pressed.followups]

    assert studio.discord.state.posts() == messages
    assert offer.message.labels == []


async def test_what_is_offered_while_typing_comes_from_the_bot(studio: Studio) -> None:
    offered = await studio.discord.autocomplete(studio.ann, "imagine", "model", prompt="a red apple")

    assert offered == ["pocket"]


async def test_a_form_that_is_sent_off_is_drawn(studio: Studio) -> None:
    asked = await studio.discord.command(studio.ann, "build")
    assert asked.form is not None
    fields = [each["component"]["custom_id"] for each in asked.form["components"]]

    sent = await studio.discord.submit(asked, {fields[0]: "a red apple"})

    assert (await studio.finished(sent)).pictures


async def test_a_picture_that_is_handed_in_is_fetched_and_drawn_over(studio: Studio) -> None:
    message = await studio.drawn("a red apple", image=a_picture())

    (request,) = studio.worker.requests
    assert request.recipe.init_image is not None
    assert message.pictures


async def test_a_recipe_is_read_from_the_menu_of_a_message(studio: Studio) -> None:
    message = await studio.drawn("a red apple", seed="7")

    read = await studio.discord.use_menu(studio.ben, "Read recipe", message)

    await read.until(lambda it: bool(it.whispers))
    assert "a red apple" in read.whispers[0]


async def test_a_subcommand_is_for_moderators_alone(studio: Studio) -> None:
    refused = await studio.discord.command(studio.ann, "admin words block", words="frog")
    taken = await studio.discord.command(studio.moderator, "admin words block", words="frog")
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a frog")

    assert refused.whispers == [button_texts.NOT_ALLOWED["moderate"]]
    assert taken.whispers != refused.whispers
    assert "frog" in asked.whispers[0]
