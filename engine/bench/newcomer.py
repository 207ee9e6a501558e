"""How long a short request waits behind a full batch of long ones."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from engine.api import GenerationRequest, ImageSeed, ModelInfo, Recipe, RecipeDraft
from engine.bench.machine import BenchError, Running
from engine.wire import FromWorker, JobProgress, ToWorker

LONG_STEPS, SHORT_STEPS = 50, 10
FIRST_STEPS = 5
NEWCOMER = "newcomer"
POLL_S = 0.01


async def newcomer_waits(running: Running, model: ModelInfo) -> int:
    """Fill a worker's batch with long requests, let a short one come, and let all of them finish.

    Args:
        running: Easel.
        model: of all requests.

    Returns:
        Steps that the long requests took between the newcomer's arrival and its own first one, that under way when it
        came included.
    """
    heard = running.heard
    heard.clear()
    recipe = model.complete(RecipeDraft("a red apple", negative_prompt="", steps=LONG_STEPS), (ImageSeed(0),))
    long = [
        _request(replace(recipe, images=(ImageSeed(number),)), f"long-{number}") for number in range(running.rows // 2)
    ]
    async with asyncio.TaskGroup() as group:
        drawing = [group.create_task(running.draw(request)) for request in long]
        while not all(_steps(heard)[request.job_id] >= FIRST_STEPS for request in long):
            if any(task.done() for task in drawing):
                raise BenchError("The long requests ended before the newcomer could come.")
            await asyncio.sleep(POLL_S)
        came = len(heard)
        group.create_task(running.draw(_request(replace(recipe, steps=SHORT_STEPS), NEWCOMER)))
    return steps_between(heard, came)


def steps_between(heard: Sequence[FromWorker | ToWorker], came: int) -> int:
    """Return the steps that others took after the newcomer came, behind so many messages, and before its own first."""
    own = next(
        index for index, message in enumerate(heard) if isinstance(message, JobProgress) and message.job_id == NEWCOMER
    )
    steps = _steps(heard[came:own])
    # The newcomer's own call told of others first: their last message of these is of that call.
    together = {message.job_id for message in _call_of(heard, own)}
    return max((count - (job_id in together) for job_id, count in steps.items()), default=0)


def _call_of(heard: Sequence[ToWorker | FromWorker], index: int) -> list[JobProgress]:
    """Return the messages just before one that are of the same UNet call: each job speaks once of a call."""
    call: list[JobProgress] = []
    spoken: set[str] = set()
    for message in reversed(heard[:index]):
        if not isinstance(message, JobProgress) or message.job_id in spoken:
            break
        spoken.add(message.job_id)
        call.append(message)
    return call


def _steps(heard: Sequence[ToWorker | FromWorker]) -> Counter[str]:
    return Counter(message.job_id for message in heard if isinstance(message, JobProgress))


def _request(recipe: Recipe, name: str) -> GenerationRequest:
    return GenerationRequest(recipe, name, 1, time.time(), name, previews=False)
