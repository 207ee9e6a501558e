"""See every job through to its one message: place in the queue, progress, result. Outlives cogs and interactions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import discord

from bot.delivery.message import ORIGINAL, Post, Undeliverable, hook_of
from bot.delivery.progress import ProgressCards
from bot.domain.policy import ModelDenied, NotAgeRestricted, WordsBlocked
from bot.domain.records import UNFINISHED, Generation, InteractionKey, JobState
from bot.interactions import handling
from bot.interactions.handling import answer_to
from bot.interactions.rejections import NOT_TAKEN
from bot.interactions.sending import NO_MENTIONS
from bot.storage import DatabaseBusy, StorageError
from bot.texts import cards
from bot.texts import inputs as input_texts
from bot.texts.cards import MessageContent
from bot.usecases import Usecases
from bot.usecases.refusals import GenerationDeleted
from bot.usecases.running_jobs import Drawing, Ended, Waiting
from engine.api import Preview

log = logging.getLogger(__name__)

RETRY_AFTER_S = (2.0, 15.0, 60.0, 300.0, 900.0, 3600.0)

Filled = tuple[MessageContent, discord.ui.View | None]


class Buttons(Protocol):
    """Builds the buttons under a generation's message."""

    def waiting(self, generation: Generation) -> discord.ui.View:
        """Return what may be pressed while the job is not over."""

    def result(self, generation: Generation, indexes: Sequence[int]) -> discord.ui.View:
        """Return what may be pressed under the pictures of these indexes."""


class Delivery:
    """Owns one task for each job that is not delivered yet.

    Args:
        client: sends and edits where an interaction's token no longer can.
        usecases: what to draw, and where it is recorded.
        buttons: builds the buttons under a message.
        clock: seconds that pass while work is done; spaces the progress edits.
        sleep: waits between attempts, in seconds.
    """

    def __init__(
        self,
        client: discord.Client,
        usecases: Usecases,
        buttons: Buttons,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._client = client
        self._usecases = usecases
        self._buttons = buttons
        self._clock = clock
        self._sleep = sleep
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._left: set[str] = set()  # jobs in hand that were tried for long enough
        self._is_closed = False

    async def begin(self, interaction: discord.Interaction, generation: Generation, *, one_more: bool = False) -> None:
        """Answer the interaction that asked for an accepted job, and follow the job from then on.

        Args:
            one_more: the interaction is answered, and asked for several jobs; each has a message that follows.
        """
        post = Post(self._client, generation)
        content, view, answer = cards.accepted(generation), self._buttons.waiting(generation), answer_to(interaction)
        try:
            post.message_id = await (
                answer.follow(content, view) if one_more else answer.post(content, view, post.name)
            )
            await self._note_place(post)
        except NOT_TAKEN as error:
            log.warning("Job %s goes on without its interaction: %s", generation.id, error)
        finally:
            self._deliver_in_task(generation, post)

    async def resume(self) -> None:
        """Take up what an earlier process left: follow and deliver jobs, tell how others ended."""
        try:
            for key in await self._usecases.answering.left():
                self._in_task(f"interaction {key.id}", self._end_unaccepted(key))
        except StorageError as error:
            log.warning("Interactions without a job are left to the next start: %s", error)
        for generation in await self._usecases.running_jobs.unsettled():
            self._deliver_in_task(generation, Post(self._client, generation))

    async def take_up_left(self) -> None:
        """Take up what this process left in hand: Discord was away for longer than a delivery tries."""
        try:
            left = await self._usecases.running_jobs.unsettled()
        except StorageError as error:
            log.warning("What is left to deliver waits for the next connection: %s", error)
            return
        unfinished, self._left = self._left, set()
        for generation in left:
            if generation.id in unfinished:  # others may be about to be answered
                self.take_up(generation)

    def take_up(self, generation: Generation) -> bool:
        """Follow a job whose message does not say how it ended, if nobody does. Returns whether somebody follows it."""
        if generation.id not in self._tasks and not generation.is_announced:
            self._deliver_in_task(generation, Post(self._client, generation))
        return generation.id in self._tasks

    async def remove(self, generation: Generation, *, gone: bool = False) -> None:
        """Delete a deleted generation's message; if Discord does not take that now, the next start does.

        Args:
            gone: it is deleted already.
        """
        if gone:
            await self._record(generation.id, self._usecases.deliver.announced(generation.id))
        else:
            await self._take_away(Post(self._client, generation))

    async def wait(self, generation_id: str) -> None:
        """Wait until nothing more will be done about a job in this process."""
        if task := self._tasks.get(generation_id):
            await asyncio.wait([task])

    async def close(self) -> None:
        """Stop following; the ledger keeps what the next process resumes."""
        self._is_closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _deliver_in_task(self, generation: Generation, post: Post) -> None:
        self._in_task(generation.id, self._deliver(generation, post))

    def _in_task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        if self._is_closed:
            work.close()
            return
        task = self._tasks[name] = asyncio.create_task(work, name=f"carry {name}")
        task.add_done_callback(lambda done: self._tasks.pop(name, None))

    async def _deliver(self, generation: Generation, post: Post) -> None:
        for wait_s in (*RETRY_AFTER_S, None):
            try:
                if generation.state in UNFINISHED:
                    generation = await self._follow(generation, post)
                return await self._hand_over(generation, post)
            except DatabaseBusy as error:
                log.warning("Job %s waits for the ledger: %s", generation.id, error)
                if wait_s is None:
                    return await self._report_failure(generation, post, error)
                await self._sleep(wait_s)
            except Exception as error:
                return await self._report_failure(generation, post, error)

    async def _end_unaccepted(self, key: InteractionKey) -> None:
        """Take away an answer that no job took the place of, and have its member ask again."""
        hook = hook_of(self._client, key)
        try:
            await hook.delete_message(ORIGINAL)
            await hook.send(input_texts.ASK_AGAIN, ephemeral=True, allowed_mentions=NO_MENTIONS)
        except NOT_TAKEN as error:
            log.warning("Whoever began interaction %s is not told how it ended: %s", key.id, error)
        try:
            await self._usecases.answering.over(key)
        except StorageError as error:
            log.warning("The next start ends interaction %s again: %s", key.id, error)

    async def _report_failure(self, generation: Generation, post: Post, error: Exception) -> None:
        content = cards.broken(generation, handling.log_fault(f"job {generation.id}", error))
        try:
            await self._usecases.running_jobs.give_up(generation.id)
            await self._put_words(post, content)
        except StorageError as error:
            log.warning("Job %s is left to the next start: %s", generation.id, error)
            self._left.add(generation.id)
            await self._try_to_show(post, content)

    async def _follow(self, generation: Generation, post: Post) -> Generation:
        cards = ProgressCards(self._clock)
        async with aclosing(self._usecases.running_jobs.follow(generation.id, await post.file_limit())) as updates:
            async for update in updates:
                if isinstance(update, Ended):
                    return update.generation
                content = cards.content(generation, await self._seen(generation, post, update))
                if content and not await self._try_to_show(post, content, self._buttons.waiting(generation)):
                    cards.lost()
        raise RuntimeError(f"the updates of job {generation.id} ended without a last one")

    async def _seen(self, generation: Generation, post: Post, update: Waiting | Drawing) -> Waiting | Drawing:
        """Return an update without the preview that may not be seen at this moment."""
        if isinstance(update, Waiting) or update.preview is None or update.preview.picture is None:
            return update
        if await self._usecases.deliver.may_be_previewed(generation, post.is_age_restricted):
            return update
        return replace(update, preview=Preview(update.preview.step, None))

    async def _try_to_show(self, post: Post, content: MessageContent, view: discord.ui.View | None = None) -> bool:
        """Show something that may be lost: something newer follows, or nothing else can be done.

        Returns whether Discord took it.
        """
        known = post.where
        try:
            await post.show(content, view)
            if post.where != known:
                await self._note_place(post)
        except NOT_TAKEN as error:
            log.info("An edit for %s was lost: %s", post.name, error)
            return False
        return True

    async def _hand_over(self, generation: Generation, post: Post) -> None:
        match generation.state:
            case JobState.FINISHED:
                await self._hand_over_pictures(generation, post)
            case JobState.DELETED:
                await self._take_away(post, again_after_s=RETRY_AFTER_S)
            case JobState.WITHHELD:
                why = await self._usecases.deliver.why_withheld(generation, post.is_age_restricted)
                await self._put_words(post, cards.withheld(generation, why))
            case JobState.FAILED | JobState.CANCELLED:
                await self._put_words(post, cards.ended(generation))

    async def _hand_over_pictures(self, generation: Generation, post: Post) -> None:
        deliver = self._usecases.deliver
        try:
            message = await self._upsert(post, partial(self._pack, generation, post))
            if message is not None:
                attachment_ids = tuple(attachment.id for attachment in message.attachments)
                await self._record(post.name, deliver.delivered(generation, message.id, attachment_ids))
        except (ModelDenied, WordsBlocked, NotAgeRestricted) as why:
            await self._put_words(post, cards.withheld(generation, why))
        except GenerationDeleted:
            await self._take_away(post, again_after_s=RETRY_AFTER_S)
        except Undeliverable as error:
            log.warning("Job %s cannot be delivered: %s", generation.id, error)
            await deliver.failed(generation.id, error.code)
            await self._take_away(post, again_after_s=RETRY_AFTER_S)  # what it shows is not how the job ended

    async def _pack(self, generation: Generation, post: Post) -> Filled:
        result_shown = await self._usecases.deliver.prepare(generation.id, post.is_age_restricted)
        view = self._buttons.result(generation, [index for index, _ in result_shown.pictures])
        return cards.result(result_shown), view

    async def _put_words(self, post: Post, content: MessageContent) -> None:
        async def pack() -> Filled:
            return content, None

        try:
            message = await self._upsert(post, pack)
        except Undeliverable as error:
            log.warning("Nobody can be told how job %s ended: %s", post.name, error)
            await self._take_away(post, again_after_s=RETRY_AFTER_S)  # what it shows is not how the job ended
        else:
            if message is not None:
                await self._record(post.name, self._usecases.deliver.announced(post.name))

    async def _take_away(self, post: Post, *, again_after_s: Sequence[float] = ()) -> None:
        """Delete a deleted generation's message.

        Args:
            again_after_s: pauses after which it is tried again; what is not gone then the next start deletes.
        """
        for wait_s in (*again_after_s, None):
            if await post.remove():
                await self._record(post.name, self._usecases.deliver.announced(post.name))
                return
            if wait_s is not None:
                await self._sleep(wait_s)
        self._left.add(post.name)

    async def _note_place(self, post: Post) -> None:
        """Write down where a message is that was not there before."""
        if post.message_id is not None:
            placed = self._usecases.deliver.placed(post.name, post.channel_id, post.message_id)
            await self._record(post.name, placed)

    async def _record(self, name: str, record: Awaitable[None]) -> None:
        """Write down what became of the message; if that cannot be, the next start does the same again."""
        try:
            await record
        except StorageError as error:
            log.error("What became of the message of %s is not recorded: %s", name, error)
            self._left.add(name)

    async def _upsert(self, post: Post, pack: Callable[[], Awaitable[Filled]]) -> discord.Message | None:
        """Put the last card on the message, trying again for a while; None if Discord would not have it.

        What is not on the message stays in hand in the ledger, so the next connection or start puts it there.

        Args:
            post: where the message is.
            pack: makes the card, anew for each try: a try may come an hour after the one before.

        Raises:
            Undeliverable: trying again cannot help.
        """
        for wait_s in (*RETRY_AFTER_S, None):
            content, view = await pack()
            known = post.where
            try:
                message = await post.upsert(content, view)
                if post.where != known:
                    await self._note_place(post)
                return message
            except NOT_TAKEN as error:
                log.warning("The message of %s was not written: %s", post.name, error)
                if wait_s is not None:
                    await self._sleep(wait_s)
        self._left.add(post.name)
        return None
