"""Keys to the answers of interactions: kept while a restarted bot may need them, and no longer."""

from __future__ import annotations

from bot.domain.records import InteractionKey
from bot.storage.database import Database, Transaction

TOKEN_LIFE_S = 15 * 60


class Interactions:
    """Those that were answered before a job was accepted for them. A job's own key goes in and out with the job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, key: InteractionKey, now: float) -> None:
        """Keep the key to an answer that stands in for another until a job takes its place. Times in seconds."""
        async with self._database.write() as transaction:
            await drop_expired(transaction, now)
            await transaction.run(
                "INSERT INTO interactions (id, token, kept_at) VALUES (:id, :token, :now)",
                {"id": key.id, "token": key.token, "now": now},
            )

    async def drop(self, interaction_id: int) -> None:
        """Forget the key of an interaction for which no job was accepted."""
        async with self._database.write() as transaction:
            await transaction.run("DELETE FROM interactions WHERE id = :id AND job_id IS NULL", {"id": interaction_id})

    async def drop_expired(self, now: float) -> None:
        """Forget the keys that open nothing any more, if there are any."""
        if await self._database.one("SELECT 1 FROM interactions WHERE kept_at < :since", {"since": _since(now)}):
            async with self._database.write() as transaction:
                await drop_expired(transaction, now)

    async def without_job(self, now: float) -> tuple[InteractionKey, ...]:
        """Return the keys that no job has and that still open something, oldest first."""
        rows = await self._database.all(
            "SELECT id, token FROM interactions WHERE job_id IS NULL AND kept_at >= :since ORDER BY id",
            {"since": _since(now)},
        )
        return tuple(InteractionKey(row["id"], row["token"]) for row in rows)


async def insert_key(transaction: Transaction, job_id: str, key: InteractionKey | None, now: float) -> None:
    """Keep the key to the message of a job that is being accepted."""
    await transaction.run(
        "DELETE FROM interactions WHERE kept_at < :since OR (id = :id AND job_id IS NULL)",
        {"since": _since(now), "id": key and key.id},
    )
    if key is None:
        return
    await transaction.run(
        """
        INSERT INTO interactions (id, token, kept_at, job_id, is_answer) VALUES (:id, :token, :now, :job, :is_answer)
        """,
        {"id": key.id, "token": key.token, "now": now, "job": job_id, "is_answer": key.is_answer},
    )


async def drop_key(transaction: Transaction, job_id: str) -> None:
    """Forget the key to a message that will not be written any more."""
    await transaction.run("DELETE FROM interactions WHERE job_id = :job", {"job": job_id})


async def drop_all(transaction: Transaction) -> None:
    """Forget every key: nothing is to be said to anybody who holds one."""
    await transaction.run("DELETE FROM interactions")


async def drop_expired(transaction: Transaction, now: float) -> None:
    """Forget the keys that open nothing any more."""
    await transaction.run("DELETE FROM interactions WHERE kept_at < :since", {"since": _since(now)})


def _since(now: float) -> float:
    return now - TOKEN_LIFE_S
