"""Hand over results, show single pictures, delete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.domain.hints import Hint, hint_for
from bot.domain.policy import Member, Refusal, check_channel, check_words
from bot.domain.records import Generation, JobState
from bot.storage import IllegalMove, StorageError, Store
from bot.usecases.lookup import allowed_picture, check_owner, find_for, find_generation
from bot.usecases.refusals import GenerationDeleted, NoSuchPicture
from bot.usecases.running_jobs import RunningJobs
from bot.usecases.terms import Terms, load_terms
from engine.api import EngineClient, Fault, ReviewedImage, Verdict

AskChannel = Callable[[], Awaitable[bool]]

_WITH_PICTURES = frozenset({JobState.FINISHED, JobState.DELIVERED})


@dataclass(frozen=True, slots=True)
class Result:
    """What a result message shows.

    Args:
        generation: its record.
        pictures: index and picture of each allowed image that could be read.
        grid: them together; None for fewer than two.
        blocked: images the safety gate blocked.
        faults: how many images it could not judge, by why.
        gone: allowed images whose files are no longer here.
        hint: what may have spoiled them, if the member set it in a command; others said it before, or did not choose.
    """

    generation: Generation
    pictures: tuple[tuple[int, ReviewedImage], ...]
    grid: ReviewedImage | None
    blocked: int
    faults: Mapping[Fault, int] = field(default_factory=dict)
    gone: int = 0
    hint: Hint | None = None


async def not_age_restricted() -> bool:
    """Answer for a channel of which nothing is known."""
    return False


def _said(age_restricted: bool) -> AskChannel:
    async def answer() -> bool:
        return age_restricted

    return answer


class Deliver:
    """Reads results back for the message that shows them, and records what became of that message."""

    def __init__(self, store: Store, engine: EngineClient, draw: RunningJobs) -> None:
        self._store = store
        self._engine = engine
        self._draw = draw

    async def prepare(self, generation_id: str, is_age_restricted: AskChannel = not_age_restricted) -> Result:
        """Return the pictures of a finished job, if the policy still allows its model, its words and its channel.

        Args:
            is_age_restricted: asks Discord of the channel at this moment.

        Raises:
            ModelDenied, WordsBlocked, NotAgeRestricted: not allowed any more; the result is withheld for good.
            UnknownGeneration, GenerationDeleted: there is nothing to deliver.
            NoSuchPicture: the job has no pictures: it is not over, failed, or was cancelled.
        """
        generation = await find_generation(self._store, generation_id)
        if generation.state is JobState.DELETED:
            raise GenerationDeleted(generation_id)
        terms = await self._terms(generation)
        try:
            await _check_policy(terms, generation, is_age_restricted)
        except Refusal:
            if generation.state is JobState.FINISHED:
                await self._store.jobs.withhold(generation_id)
            raise
        if generation.state not in _WITH_PICTURES:
            raise NoSuchPicture(generation_id, 0)
        return await self._parcel(generation, terms)

    async def placed(self, generation_id: str, channel_id: int, message_id: int) -> None:
        """Record the message that will hold the result."""
        await self._store.jobs.place(generation_id, channel_id, message_id)

    async def delivered(self, generation: Generation, message_id: int, attachment_ids: tuple[int, ...] = ()) -> None:
        """Record that the result reached its message: finished -> delivered. Said twice, it counts once.

        Args:
            generation: as it was finished.
            message_id: of the message.
            attachment_ids: in the message's order: the one that shows all pictures, or one for each allowed picture.

        Raises:
            GenerationDeleted: it was deleted meanwhile, so the message must go too.
        """
        allowed = [picture.index for picture in generation.pictures if picture.verdict is Verdict.ALLOW]
        shown_by = attachment_ids * len(allowed) if len(attachment_ids) == 1 else attachment_ids
        try:
            await self._store.jobs.deliver(generation.id, message_id, dict(zip(allowed, shown_by, strict=False)))
        except IllegalMove as error:
            if error.state is JobState.DELETED:
                raise GenerationDeleted(generation.id) from error
            if error.state is not JobState.DELIVERED:
                raise

    async def announced(self, generation_id: str) -> None:
        """Record that the message of a job without pictures says how it ended, or that nobody can be told."""
        await self._store.jobs.tell(generation_id)

    async def failed(self, generation_id: str, error_code: str) -> None:
        """Record that the result cannot be delivered (e.g. "channel_gone"): finished -> failed."""
        await self._store.jobs.give_up_delivery(generation_id, error_code)

    async def show(self, member: Member, generation_id: str, index: int) -> tuple[Generation, ReviewedImage]:
        """Return one picture at full size.

        Raises:
            UnknownGeneration, GenerationDeleted: there is no such generation here.
            ModelDenied, WordsBlocked, NotAgeRestricted: the policy does not allow its model, words or channel any more.
            NoSuchPicture: there is no such picture, it was blocked or withheld, or its file is past retention.
        """
        generation = await find_for(self._store, member, generation_id)
        await _check_policy(await self._terms(generation), generation, _said(member.age_restricted))
        allowed_picture(generation, index)
        picture = await self._store.pictures.read(generation_id, index)
        if picture is None:
            raise NoSuchPicture(generation_id, index)
        return generation, picture

    async def delete(self, member: Member, generation_id: str) -> Generation:
        """Delete a generation and its files; an unfinished job is cancelled.

        Raises:
            UnknownGeneration, GenerationDeleted: there is no such generation here (any more).
            NotAllowed: the member neither made it nor moderates.
        """
        generation = await find_for(self._store, member, generation_id)
        check_owner(member, generation, "delete")
        try:
            deleted = await self._store.delete(generation_id)
        except IllegalMove as error:
            raise GenerationDeleted(generation_id) from error
        self._draw.stop(generation_id)
        return deleted

    async def may_be_previewed(self, generation: Generation, is_age_restricted: AskChannel) -> bool:
        """Tell whether unfinished pictures may be seen now; they may not if the ledger cannot say."""
        try:
            policy = await self._store.guilds.policy(generation.place.guild_id)
        except StorageError:
            return False
        # Nobody is told which models are left.
        return policy.previews and await _why_not(Terms(policy, ()), generation, is_age_restricted) is None

    async def why_withheld(self, generation: Generation, is_age_restricted: AskChannel) -> Refusal | None:
        """Return what would withhold a result now; None if nothing would any more."""
        return await _why_not(await self._terms(generation), generation, is_age_restricted)

    async def _terms(self, generation: Generation) -> Terms:
        return await load_terms(self._store, self._engine, generation.place.guild_id)

    async def _parcel(self, generation: Generation, terms: Terms) -> Result:
        pictures, grid = await self._store.pictures.read_all(generation.id)
        allowed = sum(record.verdict is Verdict.ALLOW for record in generation.pictures)
        hint = hint_for(generation.recipe, terms.models, terms.policy.limits.most_steps)
        return Result(
            generation=generation,
            pictures=tuple(pictures.items()),
            grid=grid,
            blocked=sum(record.verdict is Verdict.BLOCK for record in generation.pictures),
            faults=Counter(record.fault for record in generation.pictures if record.fault is not None),
            gone=allowed - len(pictures),
            hint=hint if generation.press is None else None,
        )


async def _check_policy(terms: Terms, generation: Generation, is_age_restricted: AskChannel) -> None:
    if terms.policy.age_restricted_only:
        check_channel(terms.policy, await is_age_restricted())
    terms.check_model(generation.recipe.model)
    check_words(terms.policy, [generation.recipe])


async def _why_not(terms: Terms, generation: Generation, is_age_restricted: AskChannel) -> Refusal | None:
    try:
        await _check_policy(terms, generation, is_age_restricted)
    except Refusal as refusal:
        return refusal
    return None
