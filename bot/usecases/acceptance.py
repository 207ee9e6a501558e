"""Let a job into the ledger, if engine and policy take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from bot.domain.ids import new_id
from bot.domain.policy import GuildPolicy, Limits, Member, Usage, check_channel, check_request, check_words
from bot.domain.records import Generation, JobKind, Place
from bot.storage import NewJob, PressUnderWay, Store
from bot.usecases.refusals import AlreadyUnderWay
from bot.usecases.terms import Terms
from engine.api import EngineClient, Recipe


@dataclass(frozen=True, slots=True)
class Origin:
    """What a job comes from: the press of a button, perhaps under a picture of an older generation."""

    generation_id: str | None
    index: int | None
    press: str


class Acceptance:
    """The one door to the ledger for new jobs."""

    def __init__(self, store: Store, engine: EngineClient, clock: Callable[[], float]) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    async def accept(
        self,
        member: Member,
        terms: Terms,
        place: Place,
        kind: JobKind,
        recipe: Recipe,
        origin: Origin | None = None,
        uploads: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Generation:
        """Record a job as accepted.

        Args:
            member: who asks.
            terms: what held when the request came; the policy is asked for again when it is recorded.
            place: where.
            kind: how.
            recipe: what to draw.
            origin: what it comes from; None for a request of its own.
            uploads: what was uploaded with it, by its SHA-256; kept from now on.

        Raises:
            Refusal: the guild's policy forbids it, or the press is under way already.
            Refused, Unavailable: the engine cannot take it.
        """
        (generation,) = await self.accept_all(member, terms, place, kind, [(recipe, origin)], uploads)
        return generation

    async def accept_all(
        self,
        member: Member,
        terms: Terms,
        place: Place,
        kind: JobKind,
        wanted: Sequence[tuple[Recipe, Origin | None]],
        uploads: Mapping[str, bytes] = MappingProxyType({}),
    ) -> tuple[Generation, ...]:
        """Record several jobs as accepted, or none of them. All start from what was uploaded, if anything was.

        Raises:
            Refusal: the guild's policy forbids one, or all together; or a press is under way already.
            Refused, Unavailable: the engine cannot take one.
        """
        recipes = [recipe for recipe, _ in wanted]
        self._check_engine(terms, recipes)
        jobs = [self._job(member, place, kind, recipe, origin, uploads) for recipe, origin in wanted]

        def check(policy: GuildPolicy, usage: Usage) -> None:
            _check(member, recipes, replace(terms, policy=policy), usage)

        try:
            return await self._store.accept(jobs, check)
        except PressUnderWay as error:
            raise AlreadyUnderWay(error.job_id) from error

    async def check(self, member: Member, terms: Terms, recipes: Sequence[Recipe]) -> tuple[Limits, Usage]:
        """Raise what `accept_all` would raise now for these recipes; return the member's limits and usage."""
        self._check_engine(terms, recipes)
        usage = await self._store.jobs.usage(member.guild_id, member.user_id, self._clock())
        _check(member, recipes, terms, usage)
        return terms.limits(member), usage

    def _check_engine(self, terms: Terms, recipes: Sequence[Recipe]) -> None:
        for recipe in recipes:
            # Withdrawn models are named as such even while the engine could not draw them anyway.
            terms.choose(recipe.model)
            self._engine.check(recipe)

    def _job(
        self,
        member: Member,
        place: Place,
        kind: JobKind,
        recipe: Recipe,
        origin: Origin | None,
        uploads: Mapping[str, bytes],
    ) -> NewJob:
        return NewJob(
            id=new_id(),
            kind=kind,
            recipe=recipe,
            user_id=member.user_id,
            place=place,
            accepted_at=self._clock(),
            parent_id=origin.generation_id if origin else None,
            parent_index=origin.index if origin else None,
            press=origin.press if origin else None,
            uploads=uploads,
        )


def _check(member: Member, recipes: Sequence[Recipe], terms: Terms, usage: Usage) -> None:
    check_channel(terms.policy, member.age_restricted)
    for recipe in recipes:
        terms.check_model(recipe.model)
    check_words(terms.policy, recipes)
    check_request(terms.limits(member), [(recipe, terms.find(recipe.model)) for recipe in recipes], usage)
