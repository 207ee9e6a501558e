"""Guild settings and their log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.blocked_words import BlockedPhrase
from bot.domain.policy import GuildPolicy, Limits, TooManyPhrases
from bot.domain.records import LogEntry
from bot.storage import open_store

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

ENTRY = LogEntry(100.0, 7, "deny model", "pocket")
DEFAULTS = Limits(pictures_per_request=4, pictures_per_day=20, pictures_at_once=8, largest_side=1024, most_steps=50)


async def test_a_guild_that_decided_nothing_has_the_defaults(ledger: Ledger) -> None:
    assert await ledger.store.guilds.policy(11) == GuildPolicy(DEFAULTS)


async def test_a_guild_that_decided_nothing_follows_changed_defaults(ledger: Ledger) -> None:
    await ledger.store.guilds.set_limits(11, None, {"most_steps": 20}, ENTRY)
    await ledger.close()
    generous = replace(DEFAULTS, most_steps=90, pictures_per_day=90)
    async with open_store(ledger.data_dir, generous) as store:
        assert (await store.guilds.policy(11)).limits == replace(generous, most_steps=20)


async def test_a_guild_that_chose_previews_keeps_its_choice_and_others_have_the_owners(ledger: Ledger) -> None:
    await ledger.store.guilds.set_previews(11, True, ENTRY)
    await ledger.store.guilds.set_previews(12, False, ENTRY)
    await ledger.close()
    async with open_store(ledger.data_dir, DEFAULTS, previews=False) as store:
        chosen = [(await store.guilds.policy(guild)).previews for guild in (11, 12, 13)]
        assert chosen == [True, False, False]


async def test_decisions_survive_a_restart_and_stay_in_their_guild(ledger: Ledger) -> None:
    guilds = ledger.store.guilds
    await guilds.deny(11, "other", ENTRY)
    await guilds.set_default(11, "pocket", ENTRY)
    await guilds.set_limits(11, None, {"most_steps": 20}, ENTRY)
    policy = await guilds.set_limits(11, 5, {"most_steps": 40, "pictures_per_day": 9}, ENTRY)
    await ledger.reopen()
    assert await ledger.store.guilds.policy(11) == policy
    assert policy.limits.most_steps == 20
    assert dict(policy.role_limits[5]) == {"most_steps": 40, "pictures_per_day": 9}
    assert (policy.denied_models, policy.default_model) == (frozenset({"other"}), "pocket")
    assert await ledger.store.guilds.policy(12) == GuildPolicy(DEFAULTS)


async def test_the_last_decision_holds(ledger: Ledger) -> None:
    guilds = ledger.store.guilds
    await guilds.deny(11, "pocket", ENTRY)
    await guilds.deny(11, "pocket", ENTRY)
    await guilds.allow(11, "pocket", ENTRY)
    await guilds.set_default(11, "pocket", ENTRY)
    await guilds.set_default(11, "other", ENTRY)
    await guilds.set_limits(11, None, {"most_steps": 20}, ENTRY)
    await guilds.set_limits(11, None, {"most_steps": 30}, ENTRY)
    policy = await guilds.policy(11)
    assert (policy.denied_models, policy.default_model, policy.limits.most_steps) == (frozenset(), "other", 30)


async def test_a_blocked_phrase_is_kept_once_and_in_its_guild(ledger: Ledger) -> None:
    guilds = ledger.store.guilds
    apple, fog, exact_fog = BlockedPhrase("red apple"), BlockedPhrase("fog"), BlockedPhrase("fog", forms=False)
    for phrases in ((apple, fog), (exact_fog,)):
        await guilds.block_words(11, phrases, ENTRY, lambda policy: None)
    await ledger.reopen()
    guilds = ledger.store.guilds
    assert (await guilds.policy(11)).blocked_words == (exact_fog, apple)
    assert (await guilds.policy(12)).blocked_words == ()
    await guilds.allow_words(11, [exact_fog], ENTRY)
    assert (await guilds.policy(11)).blocked_words == (apple,)


async def test_a_phrase_that_the_check_refuses_is_neither_kept_nor_logged(ledger: Ledger) -> None:
    def refuse(policy: GuildPolicy) -> None:
        raise TooManyPhrases(len(policy.blocked_words))

    with pytest.raises(TooManyPhrases):
        await ledger.store.guilds.block_words(11, [BlockedPhrase("fog")], ENTRY, refuse)
    assert (await ledger.store.guilds.policy(11)).blocked_words == ()
    assert await ledger.store.guilds.log(11, 5) == ()


async def test_where_pictures_are_drawn_is_kept_for_each_guild(ledger: Ledger) -> None:
    guilds = ledger.store.guilds
    assert not (await guilds.policy(11)).age_restricted_only
    await guilds.set_age_restricted_only(11, True, ENTRY)
    await ledger.reopen()
    guilds = ledger.store.guilds
    assert (await guilds.policy(11)).age_restricted_only
    assert not (await guilds.policy(12)).age_restricted_only
    await guilds.set_age_restricted_only(11, False, ENTRY)
    assert not (await guilds.policy(11)).age_restricted_only


async def test_cleared_limits_fall_back_to_what_is_below(ledger: Ledger) -> None:
    guilds = ledger.store.guilds
    await guilds.set_limits(11, None, {"most_steps": 20}, ENTRY)
    await guilds.set_limits(11, 5, {"most_steps": 40}, ENTRY)
    cleared = await guilds.clear_limits(11, 5, ENTRY)
    assert (dict(cleared.role_limits), cleared.limits.most_steps) == ({}, 20)
    assert (await guilds.clear_limits(11, None, ENTRY)).limits == DEFAULTS


async def test_the_log_tells_who_when_and_what_newest_first(ledger: Ledger) -> None:
    guilds = ledger.store.guilds
    entries = [LogEntry(100.0 + number, number, "deny model", f"model-{number}") for number in range(4)]
    for entry in entries:
        await guilds.deny(11, entry.details, entry)
    await guilds.deny(12, "elsewhere", ENTRY)
    assert await guilds.log(11, 3) == (entries[3], entries[2], entries[1])
