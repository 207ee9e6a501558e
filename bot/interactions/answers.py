"""The answer to an interaction: the first leaves in time whatever its handler waits for, the rest finds its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import discord

from bot.interactions.rejections import NOT_TAKEN, Remedy, remedy_for
from bot.interactions.sending import NO_MENTIONS, files_of
from bot.texts import trouble as trouble_texts
from bot.texts.cards import MessageContent

log = logging.getLogger(__name__)

T = TypeVar("T")
Interaction = discord.Interaction[Any]
# After these, the other way to give an answer may be the one that is open.
_NOT_THE_FIRST = frozenset({Remedy.AGAIN, Remedy.ANSWERED})
_PERHAPS_THE_FIRST = frozenset({Remedy.AGAIN, Remedy.CHANNEL, Remedy.REPLACE})


class Late(Enum):
    """What is said in time if the answer itself is late."""

    PUBLIC = "that the bot is thinking, for all to see"
    PRIVATE = "that the bot is thinking, to the member alone"
    UNSEEN = "nothing that is seen: the message that was pressed stays"
    SENTENCE = "that it takes too long: what was wanted cannot be put off"


class _Stage(Enum):
    NONE = "there is no answer"
    PUT_OFF = "something stands in for the answer"
    GIVEN = "the answer is there"


class Answer:
    """Gives the one answer to an interaction, and sentences to its member besides.

    Args:
        interaction: what is answered.
        late: what stands in for the answer if there is none in time.
        in_time_s: how many seconds from now that is.
    """

    def __init__(self, interaction: Interaction, late: Late, in_time_s: float) -> None:
        self._interaction = interaction
        self._late = late
        self._stage = _Stage.NONE
        self._turn = asyncio.Lock()
        self._timer = asyncio.get_running_loop().call_later(in_time_s, self._time_is_up)
        self._putting_off: asyncio.Task[None] | None = None

    async def post(self, content: MessageContent, view: discord.ui.View, name: str) -> int:
        """Give the answer that all see, and return the message's id.

        Args:
            name: of its file, without ending.

        Raises:
            NOT_TAKEN: Discord did not take it.
        """
        interaction = self._interaction
        # Files are made anew for each way: an upload can be sent once only.

        async def send() -> int:
            files = files_of(content, name)
            sent = await interaction.response.send_message(
                content.text, files=files, view=view, allowed_mentions=NO_MENTIONS
            )
            assert sent.message_id is not None
            return sent.message_id

        async def rewrite() -> int:
            files = files_of(content, name)
            message = await interaction.edit_original_response(
                content=content.text, attachments=files, view=view, allowed_mentions=NO_MENTIONS
            )
            return message.id

        async with self._turn:
            message_id = await self._give(send, rewrite)
            self._stage = _Stage.GIVEN
            return message_id

    async def follow(self, content: MessageContent, view: discord.ui.View) -> int:
        """Send one of several messages that follow the answer, and return its id. Raises NOT_TAKEN."""
        message = await self._interaction.followup.send(
            content.text, view=view, allowed_mentions=NO_MENTIONS, wait=True
        )
        return message.id

    async def stand_in(self, text: str) -> None:
        """Say something for all to see that the answer takes the place of."""
        async with self._turn:
            if self._stage is not _Stage.NONE:
                return
            self._timer.cancel()
            try:
                await self._interaction.response.send_message(text, allowed_mentions=NO_MENTIONS)
            except NOT_TAKEN as error:
                log.warning("Interaction %s was not answered at first: %s", self._interaction.id, error)
            self._stage = _Stage.PUT_OFF

    async def withdraw(self) -> None:
        """Take away what stands in for an answer that all were to see."""
        async with self._turn:
            if self._stage is _Stage.PUT_OFF and await self._take_back():
                self._stage = _Stage.GIVEN

    async def tell(
        self,
        text: str,
        *,
        view: discord.ui.View | None = None,
        file: Callable[[], discord.File] | None = None,
    ) -> None:
        """Tell the member alone; what stands in for the answer goes. What cannot be told is a line in the log."""
        interaction = self._interaction
        options: dict[str, Any] = {"allowed_mentions": NO_MENTIONS} | ({"view": view} if view else {})

        def files() -> list[discord.File]:
            return [file()] if file else []

        async def send() -> None:
            await interaction.response.send_message(text, files=files(), ephemeral=True, **options)

        async def rewrite() -> None:
            await interaction.edit_original_response(content=text, attachments=files(), **options)

        async def follow() -> None:
            await interaction.followup.send(text, files=files(), ephemeral=True, **options)

        async with self._turn:
            is_put_off = self._stage is _Stage.PUT_OFF
            all_see = is_put_off and self._late is Late.PUBLIC and not await self._take_back()
            is_its_own = self._stage is _Stage.NONE or (is_put_off and self._late is Late.PRIVATE)
            try:
                if all_see:  # what followed would be for all to see too
                    await send()
                else:
                    await self._give(send, rewrite if is_its_own else follow)
                self._stage = _Stage.GIVEN
            except (*NOT_TAKEN, discord.InteractionResponded) as error:
                log.warning("A reply to interaction %s was lost: %s", interaction.id, error)
                self._stage = _Stage.PUT_OFF if all_see else _Stage.GIVEN

    async def put_off(self) -> None:
        """Say in time that there will be an answer, or why there is none."""
        if self._late is Late.SENTENCE:
            if not self._turn.locked():
                await self.tell(trouble_texts.NOT_IN_TIME)
            return
        async with self._turn:
            if self._stage is _Stage.NONE:
                self._timer.cancel()
                await self._defer()
                self._stage = _Stage.PUT_OFF

    async def accept(self) -> None:
        """Answer a press with nothing that is seen."""
        async with self._turn:
            if self._stage is _Stage.NONE:
                self._timer.cancel()
                await self._defer()
            self._stage = _Stage.GIVEN

    async def rewrite(self, text: str) -> None:
        """Make the message that was pressed words without buttons and files."""
        interaction = self._interaction

        async def send() -> None:
            await interaction.response.edit_message(
                content=text, view=None, attachments=[], allowed_mentions=NO_MENTIONS
            )

        async def again() -> None:
            await interaction.edit_original_response(
                content=text, view=None, attachments=[], allowed_mentions=NO_MENTIONS
            )

        async with self._turn:
            try:
                await self._give(send, again)
            except NOT_TAKEN as error:
                log.warning("The message of interaction %s stays as it is: %s", interaction.id, error)
            self._stage = _Stage.GIVEN

    async def remove(self) -> bool:
        """Delete the message that was pressed. Returns whether it is gone."""
        await self.accept()
        try:
            await self._interaction.delete_original_response()
        except NOT_TAKEN as error:
            log.info("The message of interaction %s stays: %s", self._interaction.id, error)
            return remedy_for(error) is Remedy.REPLACE
        return True

    async def open(self, form: discord.ui.Modal) -> None:
        """Open a form, unless the member was told meanwhile that it takes too long."""
        async with self._turn:
            if self._stage is _Stage.NONE:

                async def send() -> None:
                    await self._interaction.response.send_modal(form)

                await self._give(send, send)
                self._stage = _Stage.GIVEN

    def _time_is_up(self) -> None:
        self._putting_off = asyncio.create_task(self.put_off(), name=f"put off {self._interaction.id}")

    async def _defer(self) -> None:
        is_private, is_seen = self._late is Late.PRIVATE, self._late is not Late.UNSEEN
        try:
            await self._interaction.response.defer(ephemeral=is_private, thinking=is_seen)
        except NOT_TAKEN as error:
            log.warning("Interaction %s was not put off: %s", self._interaction.id, error)

    async def _give(self, send: Callable[[], Awaitable[T]], instead: Callable[[], Awaitable[T]]) -> T:
        """Give an answer as the first one, or `instead` if there is one; what is there may not be what is known."""
        self._timer.cancel()
        ways = (send, instead, send) if self._stage is _Stage.NONE else (instead, send, instead)
        problem: BaseException | None = None
        for way in ways:
            try:
                return await way()
            except discord.InteractionResponded:
                continue
            except NOT_TAKEN as error:
                if remedy_for(error) not in (_NOT_THE_FIRST if way is send else _PERHAPS_THE_FIRST):
                    raise
                problem = problem or error
        assert problem is not None
        raise problem

    async def _take_back(self) -> bool:
        """Delete what stands in for an answer, or have it say that there is nothing to see.

        Discord puts the next message in the place of one that says that the bot is thinking, whoever may read that.

        Returns whether a message that follows is one of its own.
        """
        interaction = self._interaction
        ways: tuple[Callable[[], Awaitable[object]], ...] = (
            interaction.delete_original_response,
            partial(interaction.edit_original_response, content=trouble_texts.TOLD_ALONE, allowed_mentions=NO_MENTIONS),
        )
        for way in ways:
            try:
                await way()
            except NOT_TAKEN as error:
                log.info("What stood in for an answer to interaction %s stays: %s", interaction.id, error)
                if remedy_for(error) is not Remedy.REPLACE:
                    continue
            return True
        return False
