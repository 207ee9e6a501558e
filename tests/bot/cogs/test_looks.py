"""What one request costs: how often policy and catalogue are looked at, the ledger is asked, and the prompt is read."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest

from bot.usecases.deliver import not_age_restricted
from engine.api import parse_prompt
from engine.catalog import Catalog, ModelEntry, Source
from engine.executors.fake import FakePlan
from engine.hub.receipts import write_receipt
from engine.hub.repository import PIPELINE, SAFETY_CHECKER, Listing, RemoteFile
from tests.bot.conftest import POCKET, World, model
from tests.opened import files_opened

PULLED = (POCKET, *(model(f"model-{number}") for number in range(5)))
FILES = tuple(f"file-{number}" for number in range(13))


@pytest.fixture
def models(tmp_path: Path) -> Catalog:
    """Six models, each pulled."""
    entries = []
    for info in PULLED:
        source = Source(tmp_path / "hub" / info.id, hub=f"owner/{info.id}", revision="main")
        source.folder.mkdir(parents=True)
        for name in FILES:
            (source.folder / name).write_bytes(b"x")
        listing = Listing("commit", "MIT", {name: RemoteFile(name, 1, "sha", "") for name in FILES})
        for part in (PIPELINE, SAFETY_CHECKER):
            write_receipt(source, part, listing, tuple(listing.files.values()))
        entries.append(ModelEntry(info, source, source))
    return Catalog(tuple(entries))


@dataclass
class Costs:
    """What was asked in a while."""

    statements: list[str] = field(default_factory=list)
    looks: int = 0
    parsed: list[str] = field(default_factory=list)
    files_read: list[str] = field(default_factory=list)

    def policies(self) -> int:
        return sum("FROM denied_models" in statement for statement in self.statements)

    def transactions(self) -> int:
        return self.statements.count("COMMIT")

    def within(self) -> list[str]:
        """The statements but for BEGIN and COMMIT."""
        return [each for each in self.statements if each not in ("BEGIN IMMEDIATE", "COMMIT")]


@asynccontextmanager
async def counted(world: World) -> AsyncIterator[Costs]:
    """Count what the bot does inside the block, by what SQLite, Python and the engine handed in tell of it."""
    costs, looks_before = Costs(), world.engine.looks
    connection = world.store._database._connection

    def note_call(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code is parse_prompt.__code__:
            costs.parsed.append(frame.f_locals["prompt"])

    await connection.set_trace_callback(lambda statement: costs.statements.append(" ".join(statement.split())))
    with files_opened() as costs.files_read:
        sys.setprofile(note_call)
        try:
            yield costs
        finally:
            sys.setprofile(None)
    await connection.set_trace_callback(lambda statement: None)
    costs.looks = world.engine.looks - looks_before


async def test_a_request_asks_for_policy_and_catalogue_once_and_again_where_that_is_promised(world: World) -> None:
    await world.drawn("a blue house")  # so that everything is imported
    world.worker.plan = lambda request: FakePlan(previews=False)

    async with counted(world) as costs:
        await world.drawn("a red apple")

    assert costs.looks == 2  # when it comes, and for the hint under its result
    assert costs.policies() == 3  # when it comes, in the transaction that accepts it, before its pictures leave
    assert costs.transactions() == 5  # accepted, placed, running, finished, delivered
    assert len(costs.within()) == 27
    assert [prompt for prompt in costs.parsed if prompt] == ["a red apple"] * 2  # for trigger words, and for the recipe
    assert costs.files_read == []


async def test_a_preview_asks_for_the_policy_once_and_for_nothing_else(world: World) -> None:
    generation = await world.generation(await world.drawn("a blue house"))

    async with counted(world) as costs:
        assert await world.usecases.deliver.may_be_previewed(generation, not_age_restricted)

    assert (costs.looks, costs.policies(), len(costs.statements)) == (0, 1, 1)


@pytest.mark.parametrize("label", ["Reroll", "Vary subtle", "Zoom out"])
async def test_a_press_asks_as_rarely_as_a_command(world: World, label: str) -> None:
    world.worker.plan = lambda request: FakePlan(previews=False)
    drawn = await world.drawn("a blue house")
    await world.delivered(await world.press(world.ann, drawn, label))

    async with counted(world) as costs:
        await world.delivered(await world.press(world.ann, drawn, label))

    assert (costs.looks, costs.policies(), costs.transactions()) == (2, 3, 5)
    assert costs.parsed == []
    assert costs.files_read == []
