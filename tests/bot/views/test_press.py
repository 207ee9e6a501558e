"""Each id of a button is read by one class, of messages from years ago as of those of today."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import views
from bot.interactions.answers import Late
from bot.views import BUTTONS, READABLE
from bot.views.press import ID, INDEX, Button, Field, Host, Interaction, Pressable

# What messages carry that were sent before; none of these may ever change.
IDS = {
    "easel:cancel:abcd123456": "Cancel",
    "easel:show:abcd123456:0": "Show",
    "easel:vary:abcd123456:3:subtle": "Vary",
    "easel:vary:abcd123456:3:strong": "Vary",
    "easel:upscale:abcd123456:1:2": "Upscale",
    "easel:upscale:abcd123456:1:4": "Upscale",
    "easel:input:abcd123456:2": "UseAsInput",
    "easel:zoom:abcd123456:2": "ZoomOut",
    "easel:pan:abcd123456:2:left": "Pan",
    "easel:pan:abcd123456:2:right": "Pan",
    "easel:pan:abcd123456:2:up": "Pan",
    "easel:pan:abcd123456:2:down": "Pan",
    "easel:reroll:abcd123456": "Reroll",
    "easel:delete:abcd123456": "Delete",
    "easel:draw:abcd123456": "DrawAll",
    "easel:withdraw:abcd123456": "Withdraw",
    "easel:build": "Build",
    "easel:run:abcd123456": "Run",
    "easel:run:abcd123456:3": "Run",
    "easel:run-file": "RunFile",
}
GARBAGE = (
    "easel:",
    "easel:remix:abcd123456",
    "easel:show:abcd123456",
    "easel:show:abcd123456:-1",
    "easel:show:abcd123456:0:0",
    "easel:vary:abcd123456:0:0.99",
    "easel:upscale:abcd123456:0:8",
    "easel:reroll:'; DROP TABLE jobs",
    "easel:reroll:abcd123456\n",
    "easel:build:",
    "easel:build\nx",
    "easel:run",
    "easel:run-file:abcd123456",
    "easel:over:abcd123456:0",
)


def who_reads(custom_id: str, buttons: Iterable[type[Pressable]] = BUTTONS) -> list[str]:
    """Return the classes that discord.py calls for an id; it calls all whose template matches the whole of it."""
    return [each.__name__ for each in buttons if each.__discord_ui_compiled_template__.fullmatch(custom_id)]


def kinds_of_button(root: type[Button] = Button) -> Iterator[type[Button]]:
    for cls in root.__subclasses__():
        yield cls
        yield from kinds_of_button(cls)


def left_out(package: str) -> set[type[Button]]:
    """Return the classes of buttons in a package for which discord.py does not look."""
    return {cls for cls in kinds_of_button() if cls.__module__.startswith(package)} - set(BUTTONS)


@pytest.mark.parametrize(("custom_id", "name"), IDS.items())
def test_each_id_is_read_by_one_class(custom_id: str, name: str) -> None:
    assert who_reads(custom_id) == [name]


@pytest.mark.parametrize("custom_id", GARBAGE, ids=repr)
def test_garbage_is_answered_once_as_a_button_that_is_not_known(custom_id: str) -> None:
    assert who_reads(custom_id) == ["Unreadable"]


@given(st.text(max_size=95) | st.sampled_from([*IDS, *GARBAGE]).map(lambda custom_id: custom_id.partition(":")[2]))
def test_every_id_of_ours_is_read_by_exactly_one_class(text: str) -> None:
    assert len(who_reads(f"easel:{text}")) == 1


@pytest.mark.parametrize("custom_id", ["", "other:show:abcd123456:0", "EASEL:build", "easel", " easel:build"])
def test_ids_that_are_not_ours_are_nobodys(custom_id: str) -> None:
    assert who_reads(custom_id) == []


def test_no_class_of_buttons_is_without_an_id_that_stays_as_it_is() -> None:
    assert set(IDS.values()) == {cls.__name__ for cls in READABLE}


def test_every_class_of_buttons_is_registered() -> None:
    for module in pkgutil.walk_packages(views.__path__, "bot.views."):
        importlib.import_module(module.name)

    assert left_out("bot.") == set()


def test_a_class_that_is_not_registered_is_noticed() -> None:
    class Forgotten(Button, action="forgotten", late=Late.PRIVATE):
        generation_id = Field(ID, str)

        async def press(self, interaction: Interaction, host: Host) -> None:
            """Do nothing."""

    class AlsoForgotten(Forgotten, action="also-forgotten", late=Late.PRIVATE):
        pass

    assert left_out(__name__) == {Forgotten, AlsoForgotten}
    assert who_reads("easel:forgotten:abcd123456") == ["Unreadable"]


async def test_a_button_has_its_fields_and_builds_the_id_it_reads() -> None:
    class Stamp(Button, action="stamp", late=Late.PRIVATE):
        generation_id = Field(ID, str)
        index = Field(INDEX, lambda text: int(text) if text else None, optional=True)

    numbered, alone = Stamp("abcd123456", 3), Stamp("abcd123456", None)

    assert (numbered.custom_id, numbered.generation_id, numbered.index) == ("easel:stamp:abcd123456:3", "abcd123456", 3)
    assert (alone.custom_id, alone.index) == ("easel:stamp:abcd123456", None)
    with pytest.raises(ValueError, match="easel:stamp:no"):
        Stamp("no", 3)
