"""See every job through to its one message: place in the queue, progress, result. Outlives cogs and interactions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Protocol

import discord

from bot import replies
from bot.policy import ModelDenied
from bot.post import Post, Undeliverable
from bot.records import UNFINISHED, Generation, JobState
from bot.replies import NOT_TAKEN, TOO_LARGE, Card
from bot.storage import StorageError
from bot.usecases import Usecases
from bot.usecases.draw import Drawing, Ended, Waiting
from bot.usecases.refusals import GenerationDeleted
from engine.api import Preview

log = logging.getLogger(__name__)

EDIT_EVERY_S = 1.5
RETRY_AFTER_S = (2.0, 15.0, 60.0, 300.0, 900.0, 3600.0)


_UNKNOWN = Preview(-1, None)

Packed = tuple[Card, discord.ui.View | None]


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

    async def begin(self, interaction: discord.Interaction, generation: Generation, *, one_more: bool = False) -> None:
        """Answer the interaction that asked for an accepted job, and follow the job from then on.

        Args:
            one_more: the interaction is answered, and asked for several jobs; each has a message that follows.
        """
        post = Post(self._client, generation, interaction)
        try:
            view = self._buttons.waiting(generation)
            message_id = await post.respond(replies.accepted(generation), view, one_more=one_more)
            await self._record(post.name, self._usecases.deliver.placed(post.name, message_id))
        except NOT_TAKEN as error:
            log.warning("Job %s goes on without its interaction: %s", generation.id, error)
        finally:
            self._carry_in_task(generation, post)

    async def resume(self) -> None:
        """Take up what an earlier process left: follow and deliver jobs, tell how others ended."""
        for generation in await self._usecases.draw.in_hand():
            self._carry_in_task(generation, Post(self._client, generation))

    async def remove(self, generation: Generation, *, gone: bool = False) -> None:
        """Delete a deleted generation's message; if Discord does not take that now, the next start does.

        Args:
            gone: it is deleted already.
        """
        if gone:
            await self._record(generation.id, self._usecases.deliver.told(generation.id))
        else:
            await self._take_away(Post(self._client, generation))

    async def wait(self, generation_id: str) -> None:
        """Wait until nothing more will be done about a job in this process."""
        if task := self._tasks.get(generation_id):
            await asyncio.wait([task])

    async def close(self) -> None:
        """Stop following; the ledger keeps what the next process resumes."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _carry_in_task(self, generation: Generation, post: Post) -> None:
        task = asyncio.create_task(self._carry(generation, post), name=f"carry {generation.id}")
        self._tasks[generation.id] = task
        task.add_done_callback(lambda done: self._tasks.pop(generation.id, None))

    async def _carry(self, generation: Generation, post: Post) -> None:
        try:
            if generation.state in UNFINISHED:
                generation = await self._follow(generation, post)
            await self._hand_over(generation, post)
        except Exception as error:
            reference = replies.log_fault(f"job {generation.id}", error)
            await self._own_up(generation, post, replies.broken(generation, reference))

    async def _own_up(self, generation: Generation, post: Post, card: Card) -> None:
        try:
            await self._usecases.draw.give_up(generation.id)
            await self._put_words(post, card)
        except StorageError as error:
            log.warning("Job %s is left to the next start: %s", generation.id, error)
            await self._try_to_show(post, card)

    async def _follow(self, generation: Generation, post: Post) -> Generation:
        cards = ProgressCards(self._clock)
        async with aclosing(self._usecases.draw.follow(generation.id, await post.file_limit())) as updates:
            async for update in updates:
                if isinstance(update, Ended):
                    return update.generation
                card = cards.card(generation, update)
                if card and not await self._try_to_show(post, card, self._buttons.waiting(generation)):
                    cards.lost()
        raise RuntimeError(f"the updates of job {generation.id} ended without a last one")

    async def _try_to_show(self, post: Post, card: Card, view: discord.ui.View | None = None) -> bool:
        """Show something that may be lost: something newer follows, or nothing else can be done.

        Returns whether Discord took it.
        """
        known = post.message_id
        try:
            await post.show(card, view)
            if post.message_id is not None and post.message_id != known:
                await self._record(post.name, self._usecases.deliver.placed(post.name, post.message_id))
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
                await self._put_words(post, replies.withheld(generation))
            case JobState.FAILED | JobState.CANCELLED:
                await self._put_words(post, replies.ended(generation))

    async def _hand_over_pictures(self, generation: Generation, post: Post) -> None:
        deliver = self._usecases.deliver
        try:
            message = await self._put(post, partial(self._pack, generation))
            if message is not None:
                attachment_ids = tuple(attachment.id for attachment in message.attachments)
                await self._record(post.name, deliver.delivered(post.name, message.id, attachment_ids))
        except ModelDenied:
            await self._put_words(post, replies.withheld(generation))
        except GenerationDeleted:
            await self._take_away(post, again_after_s=RETRY_AFTER_S)
        except Undeliverable as error:
            log.warning("Job %s cannot be delivered: %s", generation.id, error)
            await post.remove()  # what it shows is not how the job ended
            await deliver.failed(generation.id, error.code)

    async def _pack(self, generation: Generation) -> Packed:
        parcel = await self._usecases.deliver.prepare(generation.id)
        view = self._buttons.result(generation, [index for index, _ in parcel.pictures])
        return replies.result(parcel), view

    async def _put_words(self, post: Post, card: Card) -> None:
        async def pack() -> Packed:
            return card, None

        try:
            message = await self._put(post, pack)
        except Undeliverable as error:
            log.warning("Nobody can be told how job %s ended: %s", post.name, error)
            await post.remove()  # what it shows is not how the job ended
        else:
            if message is None:
                return
        await self._record(post.name, self._usecases.deliver.told(post.name))

    async def _take_away(self, post: Post, *, again_after_s: Sequence[float] = ()) -> None:
        """Delete a deleted generation's message.

        Args:
            again_after_s: pauses after which it is tried again; what is not gone then the next start deletes.
        """
        for wait_s in (*again_after_s, None):
            if await post.remove():
                await self._record(post.name, self._usecases.deliver.told(post.name))
                return
            if wait_s is not None:
                await self._sleep(wait_s)

    async def _record(self, name: str, record: Awaitable[None]) -> None:
        """Write down what became of the message; if that cannot be, the next start does the same again."""
        try:
            await record
        except StorageError as error:
            log.error("What became of the message of %s is not recorded: %s", name, error)

    async def _put(self, post: Post, pack: Callable[[], Awaitable[Packed]]) -> discord.Message | None:
        """Put the last card on the message, trying again for a while; None if Discord would not have it.

        What is not on the message stays in hand in the ledger, so the next start puts it there.

        Args:
            post: where the message is.
            pack: makes the card, anew for each try: a try may come an hour after the one before.

        Raises:
            Undeliverable: trying again cannot help.
        """
        too_large = False
        for wait_s in (*RETRY_AFTER_S, None):
            card, view = await pack()
            try:
                return await post.put(replies.without_picture(card) if too_large else card, view)
            except NOT_TAKEN as error:
                log.warning("The message of %s was not written: %s", post.name, error)
                if isinstance(error, discord.HTTPException) and error.status == TOO_LARGE:
                    too_large = True
                elif wait_s is not None:
                    await self._sleep(wait_s)
        return None


class ProgressCards:
    """Decides which updates of one job are worth an edit, at most one every EDIT_EVERY_S."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._edited_at: float | None = None
        self._preview: Preview | None = None
        self._shown: Preview | None = None

    def card(self, generation: Generation, update: Waiting | Drawing) -> Card | None:
        """Return the card to show now, or None if it is too early for another edit.

        It is never too early to take away a preview that must not be seen any more.
        """
        if isinstance(update, Drawing) and update.preview is not None:
            self._preview = update.preview
        now = self._clock()
        withdrawn = self._preview != self._shown and self._preview is not None and self._preview.picture is None
        if not withdrawn and self._edited_at is not None and now - self._edited_at < EDIT_EVERY_S:
            return None
        self._edited_at = now
        if isinstance(update, Waiting):
            return replies.waiting(generation, update)
        new, self._shown = self._preview != self._shown, self._preview
        return replies.drawing(generation, Drawing(update.step, update.total, self._preview), new=new)

    def lost(self) -> None:
        """Note that the last card did not reach the message, so that nobody knows which preview it shows."""
        self._shown = _UNKNOWN
