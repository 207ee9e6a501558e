"""What kinds of options commands have: what members may type, what is offered to them, and what is made of it.

A command's signature declares each of its options once, as `Transform[type of its value, Option(description, …)]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import get_annotations
from typing import Any, Protocol, TypeVar, cast

from discord import AppCommandOptionType, app_commands

from bot.interactions.answers import Interaction
from bot.interactions.autocomplete import Choices
from bot.texts.sanitize import plain_cut
from bot.usecases import Usecases

MOST_CHOICES = 25
CHOICE_LENGTH = 100

Command = TypeVar("Command", bound=Callable[..., Any])


class _Client(Protocol):
    usecases: Usecases


def usecases_of(interaction: Interaction) -> Usecases:
    """Return the use cases of the client that received an interaction."""
    return cast(_Client, interaction.client).usecases


def described(callback: Command) -> Command:
    """Describe a command's options to Discord as its signature declares them."""
    declared = get_annotations(callback, eval_str=True).items()
    return app_commands.describe(**{name: each.description for name, each in declared if isinstance(each, Option)})(
        callback
    )


class Option(app_commands.Transformer):
    """An option whose value is taken as Discord gives it. What `transform` raises is answered with its sentence.

    Discord is given no ranges: it would refuse in words of its own, without saying what this server allows.

    Args:
        description: what it is for.
        kind: what Discord has members give.
    """

    def __init__(self, description: str, kind: AppCommandOptionType = AppCommandOptionType.string) -> None:
        self.description = description
        self._kind = kind

    @property
    def type(self) -> AppCommandOptionType:
        """What Discord has members give."""
        return self._kind

    async def transform(self, interaction: Interaction, value: Any, /) -> Any:
        """Return what is made of the value."""
        return value


class Whole(Option):
    """A whole number."""

    def __init__(self, description: str) -> None:
        super().__init__(description, AppCommandOptionType.integer)


class Real(Option):
    """A number."""

    def __init__(self, description: str) -> None:
        super().__init__(description, AppCommandOptionType.number)


class Upload(Option):
    """A file."""

    def __init__(self, description: str) -> None:
        super().__init__(description, AppCommandOptionType.attachment)


class Chosen(Option):
    """One of a few values.

    Args:
        description: what it is for.
        names: what members see, by value.
        read: makes of the value what it stands for.
    """

    def __init__(self, description: str, names: Mapping[str, str], read: Callable[[str], Any] = str) -> None:
        super().__init__(description)
        self._names = names
        self._read = read

    @property
    def choices(self) -> list[app_commands.Choice[int | float | str]]:
        """What Discord shows."""
        return [app_commands.Choice(name=name, value=value) for value, name in self._names.items()]

    async def transform(self, interaction: Interaction, value: str, /) -> Any:
        """Return what the value stands for."""
        return self._read(value)


class Words(Option):
    """A text without the spaces around it."""

    async def transform(self, interaction: Interaction, value: str, /) -> str:
        """Return it without them."""
        return value.strip()


class Name(Option):
    """The name of something; None for nothing but spaces."""

    async def transform(self, interaction: Interaction, value: str, /) -> Any:
        """Return the name."""
        name = value.strip()
        return await self.read(interaction, name) if name else None

    async def read(self, interaction: Interaction, name: str) -> Any:
        """Return what the name stands for; the name itself where the use case looks it up."""
        return name


def offer(typed: str, choices: Iterable[tuple[str, str]]) -> Choices:
    """Return the choices whose name or value holds what was typed so far, as many as Discord shows.

    Args:
        typed: what the member typed.
        choices: name and value of each.
    """
    wanted = typed.strip().casefold()
    offered: Choices = [
        app_commands.Choice(name=plain_cut(name, CHOICE_LENGTH), value=value)
        for name, value in choices
        if wanted in name.casefold() or wanted in value.casefold()
    ]
    return offered[:MOST_CHOICES]
