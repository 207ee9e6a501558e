"""What moderators decide for their guild."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.blocked_words import BlockedPhrase, find_phrase, find_same, has_words, read_phrases
from bot.domain.policy import (
    LIMIT_NAMES,
    LIMIT_RANGES,
    LONGEST_PHRASE,
    GuildPolicy,
    Member,
    allowed_models,
    check_more_phrases,
)
from bot.domain.prompts import check_typed, joined
from bot.domain.records import LogEntry
from bot.storage import Store
from bot.usecases.refusals import (
    BadNegativeLength,
    LimitOutOfRange,
    LorasInNegative,
    NoLimitNamed,
    NotAllowed,
    NotBlocked,
    NoWords,
    PhraseTooLong,
    UnknownLimit,
)
from bot.usecases.terms import find_model, load_terms
from engine.api import EngineClient, ModelInfo, parse_prompt, storable

MAX_LOG_ENTRIES = 100
LONGEST_NEGATIVE = 300
LONGEST_DETAILS = 500


@dataclass(frozen=True, slots=True)
class ModelStanding:
    """A model of the catalogue in one guild. `default` marks the one used when a member names none."""

    info: ModelInfo
    allowed: bool
    default: bool


class Admin:
    """Reads and changes a guild's policy; each change is logged with who and when.

    Every change raises NotAllowed unless the member moderates, and UnknownModel for a model that is not in the
    catalogue.
    """

    def __init__(self, store: Store, engine: EngineClient, clock: Callable[[], float]) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    async def policy(self, guild_id: int) -> GuildPolicy:
        """Return the guild's policy."""
        return await self._store.guilds.policy(guild_id)

    async def models(self, guild_id: int) -> tuple[ModelStanding, ...]:
        """Return every model of the catalogue and how it stands in the guild."""
        terms = await load_terms(self._store, self._engine, guild_id)
        allowed = allowed_models(terms.policy, terms.models)
        return tuple(ModelStanding(info, info in allowed, info in allowed[:1]) for info in terms.models)

    async def allow(self, member: Member, model: str) -> None:
        """Let members use a model again."""
        entry = self._entry(member, "allow model", model)
        find_model(self._engine.models(), model)
        await self._store.guilds.allow(member.guild_id, model, entry)

    async def deny(self, member: Member, model: str) -> None:
        """Withdraw a model: from now on nothing is drawn, shown or delivered with it."""
        entry = self._entry(member, "deny model", model)
        find_model(self._engine.models(), model)
        await self._store.guilds.deny(member.guild_id, model, entry)

    async def set_default(self, member: Member, model: str) -> None:
        """Choose the model used when a member names none. Raises ModelDenied for one that is withdrawn."""
        entry = self._entry(member, "default model", model)
        (await load_terms(self._store, self._engine, member.guild_id)).choose(model)
        await self._store.guilds.set_default(member.guild_id, model, entry)

    async def set_negative_prompt(self, member: Member, words: str) -> str:
        """Choose what the negative prompt of every new request holds besides, and return it as it will be.

        Raises:
            BadNegativeLength, LorasInNegative: see their fields.
        """
        words = joined(storable(words))
        entry = self._entry(member, "negative prompt", words)
        if not 1 <= len(words) <= LONGEST_NEGATIVE:
            raise BadNegativeLength(LONGEST_NEGATIVE)
        if parse_prompt(words).loras:
            raise LorasInNegative(words)
        await self._store.guilds.set_negative_prompt(member.guild_id, words, entry)
        return words

    async def clear_negative_prompt(self, member: Member) -> None:
        """Add nothing to negative prompts any more."""
        await self._store.guilds.set_negative_prompt(
            member.guild_id, "", self._entry(member, "negative prompt", "none")
        )

    async def set_previews(self, member: Member, previews: bool) -> None:
        """Choose whether the messages of new requests show pictures before they are finished."""
        entry = self._entry(member, "previews", "on" if previews else "off")
        await self._store.guilds.set_previews(member.guild_id, previews, entry)

    async def block_words(self, member: Member, words: str, forms: bool = True) -> tuple[BlockedPhrase, ...]:
        """Refuse every request whose prompt holds a phrase, and return the phrases as they are kept.

        One that is blocked already, however it is written, keeps its spelling.

        Args:
            words: phrases with commas between them; quotes keep one whole.
            forms: whether plurals of them are refused, too.

        Raises:
            NoWords, PhraseTooLong: one cannot be blocked.
            TooManyPhrases: the guild has as many as it may.
        """
        typed = read_phrases(storable(words))
        entry = self._entry(member, "block words", _listed(typed, "" if forms else "exact: "))
        _check_phrases(typed)
        known = (await self.policy(member.guild_id)).blocked_words
        phrases = tuple(replace(find_same(known, text) or BlockedPhrase(text), forms=forms) for text in typed)
        if not set(phrases) <= set(known):
            await self._store.guilds.block_words(
                member.guild_id, phrases, entry, lambda policy: check_more_phrases(policy, phrases)
            )
        return phrases

    async def allow_words(self, member: Member, words: str) -> tuple[BlockedPhrase, ...]:
        """Let prompts hold phrases again, and return them as they were kept. Raises NotBlocked if one is none such."""
        _check_moderator(member)
        known = (await self.policy(member.guild_id)).blocked_words
        whole = find_same(known, words)
        phrases = []
        for text in [words] if whole else read_phrases(storable(words)) or [words]:
            phrase = find_same(known, text)
            if phrase is None:
                raise NotBlocked(text)
            phrases.append(phrase)
        entry = self._entry(member, "allow words", _listed([phrase.text for phrase in phrases]))
        await self._store.guilds.allow_words(member.guild_id, phrases, entry)
        return tuple(phrases)

    async def test_words(self, member: Member, prompt: str) -> str | None:
        """Return a blocked phrase that a prompt holds, or None; nothing is drawn."""
        _check_moderator(member)
        check_typed(prompt)
        return find_phrase((await self.policy(member.guild_id)).blocked_words, [storable(prompt)])

    async def set_age_restricted_only(self, member: Member, only: bool) -> None:
        """Have pictures drawn and shown in age-restricted channels alone, or in all."""
        entry = self._entry(member, "age-restricted channels only", "on" if only else "off")
        await self._store.guilds.set_age_restricted_only(member.guild_id, only, entry)

    async def set_limits(self, member: Member, changes: Mapping[str, int], role_id: int | None = None) -> GuildPolicy:
        """Change limits by name, for the guild or for one role, and return the new policy.

        Args:
            changes: new values by the names of `Limits`.
            role_id: the role that has them; None, or the guild's own id (Discord's @everyone), for every member.

        Raises:
            NoLimitNamed, UnknownLimit, LimitOutOfRange: see their fields.
        """
        role_id = None if role_id == member.guild_id else role_id
        whose = "everyone" if role_id is None else f"role {role_id}"
        changed = ", ".join(f"{name} = {value}" for name, value in changes.items())
        entry = self._entry(member, "set limits", f"{whose}: {changed}")
        _check_limits(changes)
        return await self._store.guilds.set_limits(member.guild_id, role_id, changes, entry)

    async def clear_role_limits(self, member: Member, role_id: int) -> GuildPolicy:
        """Drop a role's limits, or (the guild's own id) all that the guild chose, and return the new policy."""
        everyone = role_id == member.guild_id
        entry = self._entry(member, "clear limits", "everyone" if everyone else f"role {role_id}")
        return await self._store.guilds.clear_limits(member.guild_id, None if everyone else role_id, entry)

    async def log(self, member: Member, limit: int = 10) -> tuple[LogEntry, ...]:
        """Return the last changes of the guild's settings, newest first, at most MAX_LOG_ENTRIES."""
        _check_moderator(member)
        return await self._store.guilds.log(member.guild_id, min(max(limit, 1), MAX_LOG_ENTRIES))

    def _entry(self, member: Member, action: str, details: str) -> LogEntry:
        _check_moderator(member)
        return LogEntry(self._clock(), member.user_id, action, details)


def _check_moderator(member: Member) -> None:
    if not member.may_moderate:
        raise NotAllowed("moderate")


def _check_phrases(phrases: Sequence[str]) -> None:
    unreadable = next((phrase for phrase in phrases if not has_words(phrase)), None)
    if not phrases or unreadable is not None:
        raise NoWords(unreadable or "")
    for phrase in phrases:
        if len(phrase) > LONGEST_PHRASE:
            raise PhraseTooLong(phrase, LONGEST_PHRASE)


def _listed(phrases: Sequence[str], before: str = "") -> str:
    listed = before + ", ".join(phrases)
    return listed if len(listed) <= LONGEST_DETAILS else f"{listed[: LONGEST_DETAILS - 1]}…"


def _check_limits(changes: Mapping[str, int]) -> None:
    if not changes:
        raise NoLimitNamed(LIMIT_NAMES)
    for name, value in changes.items():
        if name not in LIMIT_RANGES:
            raise UnknownLimit(name, LIMIT_NAMES)
        low, high = LIMIT_RANGES[name]
        if not low <= value <= high:
            raise LimitOutOfRange(name, value, low, high)
