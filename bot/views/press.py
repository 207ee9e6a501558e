"""What every button shares: its `custom_id`, which holds its whole state, and who answers when it cannot be obeyed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast

import discord

from bot.delivery.tracker import Delivery
from bot.interactions.answers import Late
from bot.interactions.handling import answer_error, watch
from bot.usecases import Usecases

T = TypeVar("T")
Interaction = discord.Interaction[Any]

PREFIX = "easel"
"""What the ids of all our buttons and forms begin with."""
# The form of the ids in the ledger, wide enough for those of years to come.
ID = "[a-z0-9]{4,32}"
INDEX = "[0-9]"


class Host(Protocol):
    """What a button needs of the client that received its press."""

    usecases: Usecases
    delivery: Delivery


def host_of(interaction: Interaction) -> Host:
    """Return the client that received an interaction, as what it is here."""
    return cast(Host, interaction.client)


class Field(Generic[T]):
    """A part of a button's `custom_id`, which the button has as an attribute.

    Args:
        pattern: what it may be.
        read: makes a value of it, of an empty text where it is left out.
        optional: whether it may be left out, by giving None for it.
    """

    def __init__(self, pattern: str, read: Callable[[str], T], *, optional: bool = False) -> None:
        self._pattern = pattern
        self._read = read
        self._optional = optional

    def __set_name__(self, owner: type[Button], name: str) -> None:
        self.name = name

    def __get__(self, button: Button, owner: type[Button]) -> T:
        return self._read(button.parts[self.name] or "")

    def template(self) -> str:
        """Return what it adds to the button's template."""
        part = f":(?P<{self.name}>{self._pattern})"
        return f"(?:{part})?" if self._optional else part


class Pressable(discord.ui.DynamicItem[discord.ui.Button[Any]], template=PREFIX):
    """What answers presses, and what its `press` raises, which discord.py would only log."""

    late: ClassVar[Late]

    async def callback(self, interaction: Interaction) -> None:
        """Answer a press."""
        watch(interaction, self.late)
        try:
            await self.press(interaction, host_of(interaction))
        except Exception as error:
            await answer_error(interaction, error)

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Do what the button is there for."""
        raise NotImplementedError


class Button(Pressable, template=PREFIX):
    """A button whose id is `easel:ACTION` and its fields, in the order in which its class declares them:

        class Show(Button, action="show", late=Late.PUBLIC):
            generation_id = Field(ID, str)
            index = Field(INDEX, int)

    `bot.views.BUTTONS` holds every class of them.

    Args:
        values: of the fields.
        label: other than the class's.
        row: where it stands in its view; None for the first with room.
    """

    label: ClassVar[str] = ""
    style: ClassVar[discord.ButtonStyle] = discord.ButtonStyle.secondary
    _action: ClassVar[str]
    _fields: ClassVar[tuple[Field[Any], ...]]

    def __init_subclass__(cls, *, action: str, late: Late) -> None:
        """Make the template of a class of buttons.

        Args:
            action: its name in ids, which no other class has. It stays: messages of years ago have it.
            late: what stands in for an answer that is late.
        """
        cls._action, cls.late = action, late
        cls._fields = tuple(each for each in vars(cls).values() if isinstance(each, Field))
        template = re.escape(f"{PREFIX}:{action}") + "".join(field.template() for field in cls._fields)
        super().__init_subclass__(template=template)

    def __init__(self, *values: object, label: str | None = None, row: int | None = None) -> None:
        custom_id = ":".join([PREFIX, self._action, *(str(value) for value in values if value is not None)])
        label = self.label if label is None else label
        super().__init__(discord.ui.Button(label=label, style=self.style, custom_id=custom_id, row=row))
        parts = self.template.fullmatch(custom_id)
        if parts is None:
            raise ValueError(f"{type(self).__name__} has no id of the form {custom_id}")
        self.parts = parts

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed; how it looks is not needed any more."""
        return cls(*(match[field.name] for field in cls._fields))


def view_of(*buttons: Button) -> discord.ui.View:
    """Return a view of buttons that work for as long as their message is there."""
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view
