"""A bot whose disk is full for a while: `python full_disk.py FOLDER WHEN HOW` says what became of its jobs as JSON.

WHEN: "started" or "drawn", what the first job is about to be when the disk is full.
HOW: "limit": no file of this process may grow (RLIMIT_FSIZE); "ballast": a file fills the disk that FOLDER is on;
"pictures": the same for the disk that the pictures are on.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.app import App, open_app
from bot.domain.policy import Member
from bot.domain.records import Generation, Place
from bot.settings import load_settings
from bot.storage import StorageError
from bot.texts import cards, errors
from bot.usecases.imagine import Ask
from bot.usecases.running_jobs import Drawing, Ended
from bot.usecases.watch import TroubleBegan
from engine.executors.fake import FakeExecutor

MEMBER, PLACE, ASK = Member(1, 2), Place(1, 3), Ask("a red apple", count=4)


@contextmanager
def full(folder: Path, how: str) -> Iterator[None]:
    """Let nothing more be written inside the block."""
    if how == "limit":
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return
    ballast = (folder / "pictures" if how == "pictures" else folder) / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    yield
    ballast.unlink()


async def follow(app: App, generation: Generation, worker: FakeExecutor, started: asyncio.Event) -> Generation:
    async for update in app.usecases.running_jobs.follow(generation.id):
        if isinstance(update, Drawing):
            started.set()
        if isinstance(update, Ended):
            return update.generation
    raise AssertionError("it never ended")


async def state(app: App, generation: Generation) -> str:
    found = await app.store.jobs.get(generation.id)
    assert found is not None
    return found.state


async def refusal(app: App) -> str | None:
    """Ask for pictures; return what is said, or None if they are accepted and drawn."""
    try:
        generation = await app.usecases.imagine.accept(MEMBER, PLACE, ASK)
    except StorageError as error:
        return errors.sentence_for(error)
    await follow(app, generation, FakeExecutor(), asyncio.Event())
    return None


async def main(folder: Path, when: str, how: str) -> dict[str, object]:
    worker, started = FakeExecutor(), asyncio.Event()
    async with open_app(load_settings({"EASEL_DATA_DIR": str(folder)}), executors=[worker]) as app:
        generation = await app.usecases.imagine.accept(MEMBER, PLACE, ASK)
        if when == "drawn":
            worker.hold(at_step=1)
            task = asyncio.create_task(follow(app, generation, worker, started))
            await started.wait()
            await worker.held()
        with full(folder, how):
            if when == "drawn":
                worker.release()
                ended = await task
            else:
                ended = await follow(app, generation, worker, started)
            notice = app.usecases.watch.look()
            during = {
                "state": ended.state,
                "member": cards.ended(ended).text,
                "owner": notice.sentences if isinstance(notice, TroubleBegan) else None,
                "left": [path.name for path in (folder / "pictures").glob("??/*")],
                "unfinished": [path.name for path in (folder / "pictures" / "unfinished").glob("*")],
                "in the engine": app.engine.status().running + app.engine.status().queued,
                "refused": None if how == "pictures" else await refusal(app),
            }
        refused = await refusal(app)
        _, usage = await app.usecases.quota.of(MEMBER)
        after = {
            "state": await state(app, generation),
            "refused": refused,
            "active": usage.active,
            "today": usage.today,
            "troubles": [trouble.sentence for trouble in app.store.troubles()],
            "pictures": len(list((folder / "pictures").glob("??/*"))),
        }
    return {"during": during, "after": after}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))))
