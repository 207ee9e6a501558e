"""Handle interactions: each has its answer in time, each fault a sentence, and all end when the bot does."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from discord import app_commands

from bot.interactions.answers import Answer, Interaction, Late
from bot.interactions.errors import UserError
from bot.storage.errors import StorageError
from bot.texts import trouble as trouble_texts
from bot.texts.errors import sentence_for

log = logging.getLogger(__name__)

LATE = "late"
"""Where a command says in its extras what stands in for a late answer; PRIVATE if it does not."""

_KEY = "answer"
_DISCORDS_OWN: Mapping[type[BaseException], str] = {
    app_commands.NoPrivateMessage: trouble_texts.SERVER_ONLY,
    app_commands.CommandNotFound: trouble_texts.COMMAND_CHANGED,
    app_commands.CommandSignatureMismatch: trouble_texts.COMMAND_CHANGED,
}


class Handling:
    """The tasks that handle interactions, which discord.py starts and does not end.

    Args:
        first_answer_s: says how many seconds the first answer to an interaction may take that comes now.
    """

    def __init__(self, first_answer_s: Callable[[], float]) -> None:
        self.first_answer_s = first_answer_s
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, task: asyncio.Task[Any]) -> None:
        """Note a task that handles an interaction."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End them all; what they accepted is in the ledger."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Client(Protocol):
    handling: Handling


def handling_of(interaction: Interaction) -> Handling:
    """Return the client's part in handling an interaction."""
    return cast(_Client, interaction.client).handling


def watch(interaction: Interaction, late: Late) -> Answer:
    """Begin to watch over the answer to an interaction that has just come, in the task that handles it."""
    handling = handling_of(interaction)
    if (task := asyncio.current_task()) is not None:
        handling.add(task)
    answer = interaction.extras[_KEY] = Answer(interaction, late, handling.first_answer_s())
    return answer


def answer_to(interaction: Interaction) -> Answer:
    """Return the answer to an interaction that is handled."""
    answer = interaction.extras.get(_KEY)
    return answer if isinstance(answer, Answer) else watch(interaction, Late.PRIVATE)


async def tell(interaction: Interaction, sentence: str) -> None:
    """Send a sentence that only the member sees."""
    await answer_to(interaction).tell(sentence)


async def answer_error(interaction: Interaction, error: BaseException) -> None:
    """Tell the member, and only them, what is wrong; log what nobody foresaw under a reference id."""
    error = _unwrapped(error)
    own = error.sentence if isinstance(error, UserError) else _DISCORDS_OWN.get(type(error))
    sentence = own or sentence_for(error)
    if sentence is None or isinstance(error, StorageError):
        reference = log_fault(f"interaction {interaction.id}", error)
        sentence = sentence or trouble_texts.something_went_wrong(reference)
    await tell(interaction, sentence)


def _unwrapped(error: BaseException) -> BaseException:
    """Return what a command or the parser of an option raised, in which discord.py wraps its own."""
    if isinstance(error, app_commands.CommandInvokeError):
        return error.original
    return (error.__cause__ or error) if isinstance(error, app_commands.TransformerError) else error


def log_fault(where: str, error: BaseException) -> str:
    """Log an unforeseen error and return the reference id that finds it in the log."""
    reference = secrets.token_hex(4)
    log.error("Reference %s, %s", reference, where, exc_info=error)
    return reference
