"""What members and moderators can do, one class a subject. No Discord, no SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.domain.ids import new_id, random_seed
from bot.domain.styles import Style
from bot.storage import Store
from bot.usecases.acceptance import Admission
from bot.usecases.admin import Admin
from bot.usecases.answering import Answering
from bot.usecases.deliver import Deliver
from bot.usecases.imagine import Imagine
from bot.usecases.img2img import Redraw
from bot.usecases.quota import Quota
from bot.usecases.recipes import Recipes
from bot.usecases.running_jobs import Draw, Park, unparked
from bot.usecases.series import Series
from bot.usecases.variations import Rework
from bot.usecases.watch import Watch
from engine.api import EngineClient

__all__ = ["Park", "Usecases", "build", "random_seed", "unparked"]


@dataclass(frozen=True, slots=True)
class Usecases:
    """Everything the Discord edge may call."""

    imagine: Imagine
    series: Series
    rework: Rework
    recipes: Recipes
    redraw: Redraw
    draw: Draw
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
    admission = Admission(store, engine, clock)
    draw = Draw(store, engine, park, clock, sleep)
    imagine = Imagine(store, engine, admission, new_seed, styles)
    return Usecases(
        imagine=imagine,
        series=Series(imagine, admission, engine, new_id),
        rework=Rework(store, engine, admission, new_seed),
        recipes=Recipes(store, engine, admission, new_seed),
        redraw=Redraw(store, engine, admission, new_seed),
        draw=draw,
        deliver=Deliver(store, engine, draw),
        admin=Admin(store, engine, clock),
        quota=Quota(store, clock),
        watch=Watch(engine, store),
        answering=Answering(store, clock),
    )
