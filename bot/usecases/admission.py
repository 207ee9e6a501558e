"""Let a job into the ledger, if engine and policy take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.policy import GuildPolicy, Member, Usage, check_model, check_request, limits_for
from bot.records import Generation, Kind, Place
from bot.storage import NewJob, PressUnderWay, Store
from bot.usecases.ids import new_id
from bot.usecases.lookup import find_model
from bot.usecases.refusals import AlreadyUnderWay
from engine.api import EngineClient, Recipe


@dataclass(frozen=True, slots=True)
class Origin:
    """What a job comes from: the press of a button under a picture of an older generation."""

    generation_id: str
    index: int | None
    press: str


class Admission:
    """The one door to the ledger for new jobs."""

    def __init__(self, store: Store, engine: EngineClient, clock: Callable[[], float]) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    async def accept(
        self,
        member: Member,
        place: Place,
        kind: Kind,
        recipe: Recipe,
        origin: Origin | None = None,
        uploads: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Generation:
        """Record a job as accepted.

        Args:
            member: who asks.
            place: where.
            kind: how.
            recipe: what to draw.
            origin: what it comes from; None for a request of its own.
            uploads: what was handed in with it, by its SHA-256; kept from now on.

        Raises:
            Refusal: the guild's policy forbids it, or the press is under way already.
            Refused, Unavailable: the engine cannot take it.
        """
        models = self._engine.models()
        info = find_model(models, recipe.model)
        # Withdrawn models are named as such even while the engine could not draw them anyway.
        check_model(await self._store.guilds.policy(member.guild_id), recipe.model, models)
        self._engine.check(recipe)

        def check(policy: GuildPolicy, usage: Usage) -> None:
            check_model(policy, recipe.model, models)
            check_request(limits_for(policy, member.role_ids), recipe, usage, info)

        job = NewJob(
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
        try:
            return await self._store.accept(job, check)
        except PressUnderWay as error:
            raise AlreadyUnderWay(error.job_id) from error
