"""Jobs and their results: the only place that changes a job's state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.domain.policy import GuildPolicy, Usage
from bot.domain.records import MOVES, UNFINISHED, Generation, JobKind, JobState, Place
from bot.storage import rows
from bot.storage.database import Database, Transaction
from bot.storage.errors import IllegalMove, PressUnderWay, StorageError
from bot.storage.guilds import Guilds
from bot.storage.inputs import insert_inputs
from bot.storage.interactions import drop_all, drop_key, insert_key
from bot.storage.results import allowed_pictures, insert_results, records_of
from bot.storage.usage import usage_in
from engine.api import EngineError, Finished, Recipe

Check = Callable[[GuildPolicy, Usage], None]

LEDGER_ADOPTED = "ledger_adopted"
"""Why a job failed that was in hand in a database which the owner put in place of another."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be accepted.

    Args:
        press: names the button press that asks for it, so that a second press of the same button while the job is
            unfinished is not a second job; None when every request counts.
        uploads: the files that were uploaded with it, by their SHA-256, of those that the recipe names.
    """

    id: str
    kind: JobKind
    recipe: Recipe
    user_id: int
    place: Place
    accepted_at: float
    parent_id: str | None = None
    parent_index: int | None = None
    press: str | None = None
    uploads: Mapping[str, bytes] = field(default_factory=dict)

    def accepted(self) -> Generation:
        """Return what the ledger holds of it once it is accepted."""
        return Generation(
            id=self.id,
            kind=self.kind,
            recipe=self.recipe,
            user_id=self.user_id,
            place=self.place,
            message_id=None,
            state=JobState.ACCEPTED,
            attempts=0,
            accepted_at=self.accepted_at,
            parent_id=self.parent_id,
            parent_index=self.parent_index,
            press=self.press,
        )


@dataclass(frozen=True, slots=True)
class _Owed:
    """A failure that is not recorded yet: why, when (seconds since the epoch), and whether its message says so."""

    error: EngineError
    ended_at: float
    is_announced: bool = False


class Jobs:
    """The ledger of jobs. It also owes: failures that could not be recorded yet, because the disk was full, say."""

    def __init__(self, database: Database, guilds: Guilds) -> None:
        self._database = database
        self._guilds = guilds
        self._owed: dict[str, _Owed] = {}

    async def accept(self, jobs: Sequence[NewJob], check: Check) -> tuple[Generation, ...]:
        """Record jobs as accepted, unless `check` raises on the guild's policy and the member's usage of this moment.

        Counting and recording are one transaction, so that requests made at once cannot pass a limit together.

        Args:
            jobs: at least one, all by one member of one guild, accepted at one time; all are recorded, or none.
            check: has to count them all.

        Raises:
            PressUnderWay: an unfinished job stands for the same press.
        """
        first = jobs[0]
        async with self._database.write() as transaction:
            for job in jobs:
                if job.press is not None:
                    await _refuse_same_press(transaction, job.press)
            policy = await self._guilds.policy_in(transaction, first.place.guild_id)
            check(policy, await usage_in(transaction, first.place.guild_id, first.user_id, first.accepted_at))
            for job in jobs:
                await _insert(transaction, job)
        return tuple(job.accepted() for job in jobs)

    async def usage(self, guild_id: int, user_id: int, now: float) -> Usage:
        """Return what the member has used by `now`, in seconds since the epoch."""
        return await usage_in(self._database, guild_id, user_id, now)

    async def get(self, job_id: str) -> Generation | None:
        """Return the job and its results, or None."""
        generation = await _find(self._database, job_id)
        return generation and self._with_owed(generation)

    async def unsettled(self) -> tuple[Generation, ...]:
        """Return the jobs whose message does not say yet how they ended, oldest first."""
        found = await self._database.all(
            f"{rows.GENERATIONS} WHERE told = 0 ORDER BY accepted_at, jobs.rowid, image_index"
        )
        generations = (self._with_owed(generation) for generation in rows.generations(found))
        return tuple(generation for generation in generations if not generation.is_announced)

    async def start(self, job_id: str) -> Generation:
        """Record that a worker began: accepted -> running, one attempt more. Raises IllegalMove."""
        async with self._database.write() as transaction:
            await _move(transaction, job_id, JobState.RUNNING, more_attempts=1)
            return await _load(transaction, job_id)

    async def wait_again(self, job_id: str, *, attempts: int = 0) -> Generation:
        """Record that the job is to be submitted again: accepted | running -> accepted. Raises IllegalMove.

        Args:
            attempts: added to its own: 1 for one that ended before a worker began it.
        """
        async with self._database.write() as transaction:
            await _move(transaction, job_id, JobState.ACCEPTED, more_attempts=attempts)
            return await _load(transaction, job_id)

    async def put_back(self, job_id: str) -> Generation:
        """Record that an attempt ended through no fault of the job: running -> accepted, and one attempt less.

        One that waits stays as it is.

        Raises:
            IllegalMove: it is over.
        """
        async with self._database.write() as transaction:
            values = {"id": job_id}
            await transaction.run(
                "UPDATE jobs SET attempts = attempts - 1 WHERE id = :id AND state = 'running'", values
            )
            await _move(transaction, job_id, JobState.ACCEPTED)
            return await _load(transaction, job_id)

    async def finish(self, job_id: str, result: Finished, now: float) -> Generation:
        """Record the results: running -> finished. Their files must be kept already. Raises IllegalMove."""
        async with self._database.write() as transaction:
            generation = await _load(transaction, job_id)
            records = records_of(generation.recipe, result)
            grid = result.grid.file_sha256 if result.grid else None
            await insert_results(transaction, job_id, records, allowed_pictures(result))
            facts = rows.facts_to_json(result.facts)
            await _move(transaction, job_id, JobState.FINISHED, ended_at=now, grid_file=grid, facts_json=facts)
        return replace(generation, state=JobState.FINISHED, pictures=records, facts=result.facts)

    async def fail(self, job_id: str, error: EngineError, now: float) -> Generation:
        """Record why the job failed: accepted | running -> failed.

        It is failed from now on, whatever the disk says: what cannot be recorded is owed, see `settle`.

        Raises:
            IllegalMove: it is over.
            StorageError: it cannot even be read.
        """
        try:
            return await self._record_failure(job_id, _Owed(error, now))
        except IllegalMove:
            raise
        except StorageError as why:
            generation = await self.get(job_id)
            if generation is None:
                raise
            log.error("That job %s failed (%s) is recorded later: %s", job_id, error, why)
            self._owed[job_id] = _Owed(error, now)
            return self._with_owed(generation)

    def _with_owed(self, generation: Generation) -> Generation:
        owed = self._owed.get(generation.id)
        if owed is None or generation.state not in UNFINISHED:
            return generation
        return replace(generation, state=JobState.FAILED, error=owed.error, is_announced=owed.is_announced)

    async def settle(self) -> tuple[Generation, ...]:
        """Record failures that are owed, as far as that is possible now. Returns these jobs."""
        settled = []
        for job_id, owed in tuple(self._owed.items()):
            try:
                settled.append(await self._record_failure(job_id, owed))
            except IllegalMove:
                pass  # it was cancelled or deleted since
            except StorageError as why:
                log.info("That job %s failed cannot be recorded yet: %s", job_id, why)
                break
            self._owed.pop(job_id, None)
        return tuple(settled)

    async def _record_failure(self, job_id: str, owed: _Owed) -> Generation:
        async with self._database.write() as transaction:
            code, data = rows.error_to_columns(owed.error)
            columns: dict[str, Any] = {"ended_at": owed.ended_at, "error_code": code, "error_json": data}
            await _move(transaction, job_id, JobState.FAILED, only_from=UNFINISHED, **columns)
            if owed.is_announced:
                await _tell(transaction, job_id)
            return await _load(transaction, job_id)

    async def give_up_delivery(self, job_id: str, error_code: str) -> Generation:
        """Record that a result cannot be delivered, nor anybody told: finished -> failed. Raises IllegalMove."""
        async with self._database.write() as transaction:
            await _move(
                transaction,
                job_id,
                JobState.FAILED,
                only_from=frozenset({JobState.FINISHED}),
                error_code=error_code,
                error_json=None,
                told=1,
            )
            await drop_key(transaction, job_id)
            return await _load(transaction, job_id)

    async def cancel(self, job_id: str, now: float) -> Generation:
        """Record that somebody ended the job: accepted | running -> cancelled. Raises IllegalMove."""
        async with self._database.write() as transaction:
            await _move(transaction, job_id, JobState.CANCELLED, ended_at=now)
            return await _load(transaction, job_id)

    async def withhold(self, job_id: str) -> Generation:
        """Record that policy forbids delivery: finished -> withheld. Raises IllegalMove."""
        async with self._database.write() as transaction:
            await _move(transaction, job_id, JobState.WITHHELD)
            return await _load(transaction, job_id)

    async def place(self, job_id: str, channel_id: int, message_id: int) -> None:
        """Record the message that shows the job."""
        async with self._database.write() as transaction:
            await transaction.run(
                "UPDATE jobs SET channel_id = :channel, message_id = :message WHERE id = :id",
                {"channel": channel_id, "message": message_id, "id": job_id},
            )

    async def tell(self, job_id: str) -> None:
        """Record that the job's message says how it ended, or that nobody can be told.

        That is recorded with its end at the earliest: a job that is not over stays in hand, whatever its message says.
        """
        if owed := self._owed.get(job_id):
            self._owed[job_id] = replace(owed, is_announced=True)
        async with self._database.write() as transaction:
            await _tell(transaction, job_id)

    async def end_in_hand(self, now: float) -> int:
        """End all that was in hand when an older database was put aside: what became of it since is not known.

        Nobody is told. The messages of deleted jobs stay in hand: taking them away again does no harm.

        Args:
            now: seconds since the epoch.

        Returns:
            How many jobs that were.
        """
        values = {"now": now, "code": LEDGER_ADOPTED}
        async with self._database.write() as transaction:
            await transaction.run(
                """
                UPDATE jobs SET state = 'failed', ended_at = COALESCE(ended_at, :now), error_code = :code
                WHERE told = 0 AND state IN ('accepted', 'running', 'finished')
                """,
                values,
            )
            await drop_all(transaction)
            return await transaction.run("UPDATE jobs SET told = 1 WHERE told = 0 AND state <> 'deleted'")

    async def deliver(self, job_id: str, message_id: int, attachments: Mapping[int, int]) -> None:
        """Record that the result reached its message: finished -> delivered. Raises IllegalMove.

        Args:
            attachments: attachment id by image index.
        """
        async with self._database.write() as transaction:
            await _move(transaction, job_id, JobState.DELIVERED, message_id=message_id, told=1)
            await drop_key(transaction, job_id)
            await transaction.run_many(
                "UPDATE images SET attachment_id = :attachment WHERE job_id = :id AND image_index = :image",
                [{"id": job_id, "image": image, "attachment": id_} for image, id_ in attachments.items()],
            )

    async def delete(self, job_id: str, now: float) -> Generation:
        """Record that the generation is gone, but not yet its message: any state -> deleted. Raises IllegalMove."""
        async with self._database.write() as transaction:
            await _move(transaction, job_id, JobState.DELETED, told=0)
            await transaction.run(
                "UPDATE jobs SET ended_at = COALESCE(ended_at, :now) WHERE id = :id", {"now": now, "id": job_id}
            )
            return await _load(transaction, job_id)


async def _tell(transaction: Transaction, job_id: str) -> None:
    told = await transaction.run(
        "UPDATE jobs SET told = 1 WHERE id = :id AND state NOT IN ('accepted', 'running')", {"id": job_id}
    )
    if told:
        await drop_key(transaction, job_id)


async def _refuse_same_press(transaction: Transaction, press: str) -> None:
    row = await transaction.one(
        "SELECT id FROM jobs WHERE press = :press AND state IN ('accepted', 'running')", {"press": press}
    )
    if row is not None:
        raise PressUnderWay(row["id"])


async def _insert(transaction: Transaction, job: NewJob) -> None:
    recipe_sha256 = job.recipe.sha256()
    await transaction.run(
        "INSERT OR IGNORE INTO recipes (sha256, json) VALUES (:sha256, :json)",
        {"sha256": recipe_sha256, "json": job.recipe.canonical_json()},
    )
    await transaction.run(
        """
        INSERT INTO jobs (id, kind, recipe_sha256, guild_id, channel_id, user_id, state, count, accepted_at,
            parent_id, parent_index, press)
        VALUES (:id, :kind, :recipe, :guild, :channel, :user, 'accepted', :count, :accepted_at,
            :parent_id, :parent_index, :press)
        """,
        {
            "id": job.id,
            "kind": job.kind,
            "recipe": recipe_sha256,
            "guild": job.place.guild_id,
            "channel": job.place.channel_id,
            "user": job.user_id,
            "count": len(job.recipe.images),
            "accepted_at": job.accepted_at,
            "parent_id": job.parent_id,
            "parent_index": job.parent_index,
            "press": job.press,
        },
    )
    await insert_key(transaction, job.id, job.place.key, job.accepted_at)
    if start := job.recipe.init_image:
        await insert_inputs(transaction, job.id, job.uploads, start.files)


async def _move(
    transaction: Transaction,
    job_id: str,
    to: JobState,
    *,
    only_from: frozenset[JobState] = frozenset(JobState),
    more_attempts: int = 0,
    **columns: Any,
) -> None:
    """Change the state if MOVES (and `only_from`) allow it from the state the job is in now, else raise IllegalMove."""
    sources = [state for state, targets in MOVES.items() if to in targets and state in only_from]
    slots = ", ".join(f"'{state}'" for state in sources)
    assignments = "".join(f", {name} = :{name}" for name in columns)
    changed = await transaction.run(
        f"""
        UPDATE jobs SET state = :to, attempts = attempts + :more_attempts{assignments}
        WHERE id = :id AND state IN ({slots})
        """,
        {"to": to, "id": job_id, "more_attempts": more_attempts, **columns},
    )
    if changed != 1:
        row = await transaction.one("SELECT state FROM jobs WHERE id = :id", {"id": job_id})
        raise IllegalMove(job_id, JobState(row["state"]) if row else None, to)


async def _load(transaction: Transaction, job_id: str) -> Generation:
    found = await _find(transaction, job_id)
    if found is None:
        raise LookupError(f"there is no job {job_id}")
    return found


async def _find(look: Database | Transaction, job_id: str) -> Generation | None:
    found = await look.all(f"{rows.GENERATIONS} WHERE jobs.id = :id ORDER BY image_index", {"id": job_id})
    return next(iter(rows.generations(found)), None)
