"""What a guild's moderators decided, and the log of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bot.domain.blocked_words import BlockedPhrase
from bot.domain.policy import GuildPolicy
from bot.domain.records import LogEntry
from bot.storage.database import Database, Row, Transaction

EVERYBODY = 0  # role_id of the limits that hold for every member

# One row for every guild, whatever its moderators decided; lists are JSON.
_POLICY = """
SELECT
    guilds.*,
    (SELECT json_group_array(model) FROM denied_models WHERE guild_id = :guild) AS denied,
    (SELECT json_group_array(json_array(phrase, forms)) FROM blocked_words WHERE guild_id = :guild) AS blocked,
    (SELECT json_group_array(json_array(role_id, name, value)) FROM limits WHERE guild_id = :guild) AS limits
FROM (SELECT 1) LEFT JOIN guilds ON guild_id = :guild
"""


class Guilds:
    """The guilds' settings."""

    def __init__(self, database: Database, defaults: GuildPolicy) -> None:
        self._database = database
        self._defaults = defaults

    async def policy(self, guild_id: int) -> GuildPolicy:
        """Return the guild's policy; the owner's defaults where its moderators decided nothing."""
        return self._policy(await self._database.one(_POLICY, {"guild": guild_id}))

    async def policy_in(self, transaction: Transaction, guild_id: int) -> GuildPolicy:
        """Return the guild's policy as the transaction sees it."""
        return self._policy(await transaction.one(_POLICY, {"guild": guild_id}))

    async def previews(self, guild_id: int) -> bool:
        """Return the one setting of the policy that says whether messages show pictures before they are finished."""
        row = await self._database.one("SELECT previews FROM guilds WHERE guild_id = :guild", {"guild": guild_id})
        return self._previews(row["previews"] if row else None)

    def _policy(self, row: Row | None) -> GuildPolicy:
        assert row is not None
        limits: dict[int, dict[str, int]] = {}
        for role_id, name, value in json.loads(row["limits"]):
            limits.setdefault(role_id, {})[name] = value
        return replace(
            self._defaults,
            limits=replace(self._defaults.limits, **limits.pop(EVERYBODY, {})),
            role_limits=MappingProxyType({role: MappingProxyType(changes) for role, changes in limits.items()}),
            denied_models=frozenset(json.loads(row["denied"])),
            default_model=row["default_model"],
            negative_prompt=row["negative_prompt"] or "",
            blocked_words=tuple(BlockedPhrase(text, bool(forms)) for text, forms in sorted(json.loads(row["blocked"]))),
            previews=self._previews(row["previews"]),
            age_restricted_only=bool(row["age_restricted_only"]),
        )

    def _previews(self, chosen: int | None) -> bool:
        return self._defaults.previews if chosen is None else bool(chosen)

    async def allow(self, guild_id: int, model: str, entry: LogEntry) -> None:
        """Let the guild use a model again."""
        async with self._database.write() as transaction:
            await transaction.run(
                "DELETE FROM denied_models WHERE guild_id = :guild AND model = :model",
                {"guild": guild_id, "model": model},
            )
            await _log(transaction, guild_id, entry)

    async def deny(self, guild_id: int, model: str, entry: LogEntry) -> None:
        """Withdraw a model from the guild."""
        async with self._database.write() as transaction:
            await transaction.run(
                "INSERT OR IGNORE INTO denied_models (guild_id, model) VALUES (:guild, :model)",
                {"guild": guild_id, "model": model},
            )
            await _log(transaction, guild_id, entry)

    async def set_default(self, guild_id: int, model: str, entry: LogEntry) -> None:
        """Set the model for requests that name none."""
        async with self._database.write() as transaction:
            await transaction.run(
                """
                INSERT INTO guilds (guild_id, default_model) VALUES (:guild, :model)
                ON CONFLICT (guild_id) DO UPDATE SET default_model = excluded.default_model
                """,
                {"guild": guild_id, "model": model},
            )
            await _log(transaction, guild_id, entry)

    async def set_negative_prompt(self, guild_id: int, negative_prompt: str, entry: LogEntry) -> None:
        """Set what the negative prompt of every new request holds besides; empty for nothing."""
        async with self._database.write() as transaction:
            await transaction.run(
                """
                INSERT INTO guilds (guild_id, negative_prompt) VALUES (:guild, :negative)
                ON CONFLICT (guild_id) DO UPDATE SET negative_prompt = excluded.negative_prompt
                """,
                {"guild": guild_id, "negative": negative_prompt},
            )
            await _log(transaction, guild_id, entry)

    async def set_previews(self, guild_id: int, previews: bool, entry: LogEntry) -> None:
        """Set whether messages show pictures before they are finished."""
        async with self._database.write() as transaction:
            await transaction.run(
                """
                INSERT INTO guilds (guild_id, previews) VALUES (:guild, :previews)
                ON CONFLICT (guild_id) DO UPDATE SET previews = excluded.previews
                """,
                {"guild": guild_id, "previews": int(previews)},
            )
            await _log(transaction, guild_id, entry)

    async def block_words(
        self, guild_id: int, phrases: Sequence[BlockedPhrase], entry: LogEntry, check: Callable[[GuildPolicy], None]
    ) -> None:
        """Keep phrases out of the guild's prompts, unless `check` raises on the guild's policy of this moment."""
        async with self._database.write() as transaction:
            check(await self.policy_in(transaction, guild_id))
            await transaction.run_many(
                """
                INSERT INTO blocked_words (guild_id, phrase, forms) VALUES (:guild, :phrase, :forms)
                ON CONFLICT (guild_id, phrase) DO UPDATE SET forms = excluded.forms
                """,
                [{"guild": guild_id, "phrase": each.text, "forms": int(each.forms)} for each in phrases],
            )
            await _log(transaction, guild_id, entry)

    async def allow_words(self, guild_id: int, phrases: Sequence[BlockedPhrase], entry: LogEntry) -> None:
        """Let the guild's prompts hold phrases again."""
        async with self._database.write() as transaction:
            await transaction.run_many(
                "DELETE FROM blocked_words WHERE guild_id = :guild AND phrase = :phrase",
                [{"guild": guild_id, "phrase": each.text} for each in phrases],
            )
            await _log(transaction, guild_id, entry)

    async def set_age_restricted_only(self, guild_id: int, only: bool, entry: LogEntry) -> None:
        """Set whether pictures are drawn and shown in age-restricted channels alone."""
        async with self._database.write() as transaction:
            await transaction.run(
                """
                INSERT INTO guilds (guild_id, age_restricted_only) VALUES (:guild, :only)
                ON CONFLICT (guild_id) DO UPDATE SET age_restricted_only = excluded.age_restricted_only
                """,
                {"guild": guild_id, "only": int(only)},
            )
            await _log(transaction, guild_id, entry)

    async def set_limits(
        self, guild_id: int, role_id: int | None, changes: Mapping[str, int], entry: LogEntry
    ) -> GuildPolicy:
        """Change limits by name, for one role or for every member (None), and return the new policy."""
        base: dict[str, Any] = {"guild": guild_id, "role": EVERYBODY if role_id is None else role_id}
        async with self._database.write() as transaction:
            await transaction.run_many(
                """
                INSERT INTO limits (guild_id, role_id, name, value) VALUES (:guild, :role, :name, :value)
                ON CONFLICT (guild_id, role_id, name) DO UPDATE SET value = excluded.value
                """,
                [{**base, "name": name, "value": value} for name, value in changes.items()],
            )
            await _log(transaction, guild_id, entry)
            return await self.policy_in(transaction, guild_id)

    async def clear_limits(self, guild_id: int, role_id: int | None, entry: LogEntry) -> GuildPolicy:
        """Drop what was chosen for one role, or for every member (None), and return the new policy."""
        role = EVERYBODY if role_id is None else role_id
        async with self._database.write() as transaction:
            await transaction.run(
                "DELETE FROM limits WHERE guild_id = :guild AND role_id = :role", {"guild": guild_id, "role": role}
            )
            await _log(transaction, guild_id, entry)
            return await self.policy_in(transaction, guild_id)

    async def log(self, guild_id: int, limit: int) -> tuple[LogEntry, ...]:
        """Return the last changes, newest first."""
        found = await self._database.all(
            """
            SELECT at, user_id, action, details FROM settings_log
            WHERE guild_id = :guild ORDER BY id DESC LIMIT :limit
            """,
            {"guild": guild_id, "limit": limit},
        )
        return tuple(LogEntry(row["at"], row["user_id"], row["action"], row["details"]) for row in found)


async def _log(transaction: Transaction, guild_id: int, entry: LogEntry) -> None:
    await transaction.run(
        """
        INSERT INTO settings_log (guild_id, user_id, at, action, details)
        VALUES (:guild, :user, :at, :action, :details)
        """,
        {"guild": guild_id, "user": entry.user_id, "at": entry.at, "action": entry.action, "details": entry.details},
    )
