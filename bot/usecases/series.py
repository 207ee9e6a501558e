"""Draw several prompts written as one: `{red, blue} apple`. Offered with what it costs first, then accepted whole."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.domain.hints import Hint, hint_for
from bot.domain.policy import Member
from bot.domain.prompts import check_typed
from bot.domain.records import Generation, JobKind, Place
from bot.usecases.acceptance import Acceptance, Origin
from bot.usecases.imagine import Ask, Imagine
from bot.usecases.refusals import AlreadyUnderWay, OfferOver, PictureInSeries
from bot.usecases.terms import Terms
from engine.api import EngineClient, expand_permutations

MOST_PROMPTS = 20
MOST_OFFERS = 500


@dataclass(frozen=True, slots=True)
class Offer:
    """What will be drawn once the member agrees.

    Args:
        id: names it on the button.
        prompts: each a message of its own, in the member's words.
        pictures: all together.
        left_today: pictures that the member may still ask for today, before these.
        ahead: jobs that are drawn or wait already.
        hint: what may spoil the pictures, if anything.
    """

    id: str
    prompts: tuple[str, ...]
    pictures: int
    left_today: int
    ahead: int
    hint: Hint | None


@dataclass(slots=True)
class _Pending:
    """What was offered to whom; `taken` once it is being accepted."""

    member: Member
    asks: tuple[Ask, ...]
    taken: bool = False


class Series:
    """Keeps what was offered and not answered yet: the newest MOST_OFFERS, until the bot stops."""

    def __init__(
        self, imagine: Imagine, acceptance: Acceptance, engine: EngineClient, new_id: Callable[[], str]
    ) -> None:
        self._imagine = imagine
        self._acceptance = acceptance
        self._engine = engine
        self._new_id = new_id
        self._pending: OrderedDict[str, _Pending] = OrderedDict()

    async def offer(self, member: Member, ask: Ask, terms: Terms | None = None) -> Offer | None:
        """Return what the request would draw, to be agreed to; None for a request for one prompt.

        Args:
            member: who asks.
            ask: for what.
            terms: as in `Imagine.accept`.

        Raises:
            PictureInSeries: a picture was uploaded, which is not remembered between an offer and its answer.
            Refusal, Refused, Unavailable: what `accept` would raise now.
        """
        check_typed(ask.prompt, ask.negative_prompt)
        prompts = expand_permutations(ask.prompt, MOST_PROMPTS)
        if len(prompts) == 1:
            return None
        if ask.start is not None:
            raise PictureInSeries
        terms = terms or await self._imagine.terms(member.guild_id)
        asks = tuple(replace(ask, prompt=prompt) for prompt in prompts)
        recipes = [self._imagine.recipe(member, terms, each) for each in asks]
        limits, usage = await self._acceptance.check(member, terms, recipes)
        status = self._engine.status()
        offer = Offer(
            id=self._new_id(),
            prompts=prompts,
            pictures=sum(len(recipe.images) for recipe in recipes),
            left_today=limits.pictures_per_day - usage.today,
            ahead=status.queued + status.running,
            hint=hint_for(recipes[0], terms.models, limits.most_steps),
        )
        self._pending[offer.id] = _Pending(member, asks)
        if len(self._pending) > MOST_OFFERS:
            self._pending.popitem(last=False)
        return offer

    async def accept(self, member: Member, place: Place, offer_id: str) -> tuple[Generation, ...]:
        """Record a job for each prompt of an offer, or none.

        Raises:
            OfferOver: the offer is not remembered, or not this member's.
            AlreadyUnderWay: it was agreed to before.
            Refusal, Refused, Unavailable: as for any request; the offer stays.
        """
        pending = self._find(member, offer_id)
        if pending.taken:
            raise AlreadyUnderWay(offer_id)
        pending.taken = True
        try:
            terms = await self._imagine.terms(member.guild_id)
            wanted = [
                (self._imagine.recipe(member, terms, ask), Origin(None, None, f"draw:{offer_id}:{number}"))
                for number, ask in enumerate(pending.asks)
            ]
            return await self._acceptance.accept_all(member, terms, place, JobKind.IMAGINE, wanted)
        except BaseException:
            pending.taken = False
            raise

    def withdraw(self, member: Member, offer_id: str) -> None:
        """Forget an offer. Raises OfferOver, AlreadyUnderWay as `accept` does."""
        if self._find(member, offer_id).taken:
            raise AlreadyUnderWay(offer_id)
        del self._pending[offer_id]

    def _find(self, member: Member, offer_id: str) -> _Pending:
        pending = self._pending.get(offer_id)
        if pending is None or (pending.member.guild_id, pending.member.user_id) != (member.guild_id, member.user_id):
            raise OfferOver
        return pending
