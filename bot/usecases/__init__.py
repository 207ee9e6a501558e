"""What members and moderators can do, one class a subject. No Discord, no SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.domain.ids import new_id, random_seed
from bot.domain.styles import Style
from bot.storage import Store
from bot.usecases.acceptance import Acceptance
from bot.usecases.admin import Admin
from bot.usecases.answering import Answering
from bot.usecases.deliver import Deliver
from bot.usecases.imagine import Imagine
from bot.usecases.img2img import Img2Img
from bot.usecases.quota import Quota
from bot.usecases.recipes import Recipes
from bot.usecases.running_jobs import Park, RunningJobs, unparked
from bot.usecases.series import Series
from bot.usecases.variations import Variations
from bot.usecases.watch import Watch
from engine.api import EngineClient

__all__ = ["Park", "Usecases", "build", "random_seed", "unparked"]


@dataclass(frozen=True, slots=True)
class Usecases:
    """Everything the Discord edge may call."""

    imagine: Imagine
    series: Series
    variations: Variations
    recipes: Recipes
    img2img: Img2Img
    running_jobs: RunningJobs
    deliver: Deliver
    admin: Admin
    quota: Quota
    watch: Watch
    answering: Answering


def build(
    store: Store,
    engine: EngineClient,
    *,
    styles: Sequence[Style] = (),
    park: Park = unparked,
    clock: Callable[[], float] = time.time,
    new_seed: Callable[[], int] = random_seed,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Usecases:
    """Wire the use cases.

    Args:
        store: the open ledger.
        engine: the port to the engine.
        styles: those that members may choose.
        park: around every wait for the engine.
        clock: seconds since the epoch.
        new_seed: a random seed, 0 to MAX_SEED.
        sleep: waits between attempts, in seconds.
    """
    acceptance = Acceptance(store, engine, clock)
    running_jobs = RunningJobs(store, engine, park, clock, sleep)
    imagine = Imagine(store, engine, acceptance, new_seed, styles)
    return Usecases(
        imagine=imagine,
        series=Series(imagine, acceptance, engine, new_id),
        variations=Variations(store, engine, acceptance, new_seed),
        recipes=Recipes(store, engine, acceptance, new_seed),
        img2img=Img2Img(store, engine, acceptance, new_seed),
        running_jobs=running_jobs,
        deliver=Deliver(store, engine, running_jobs),
        admin=Admin(store, engine, clock),
        quota=Quota(store, clock),
        watch=Watch(engine, store),
        answering=Answering(store, clock),
    )
