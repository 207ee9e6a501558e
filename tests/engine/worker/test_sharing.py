"""Jobs that share a worker: they come, go and fail, and no other job's picture changes."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import GenerationRequest, ImageSeed, Recipe, Verdict, pixel_sha256
from engine.catalog import SCHEDULERS, Catalog
from engine.wire import (
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Stop,
    ToWorker,
)
from engine.worker.jobs import WorkerJob, warm_up
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.runtime.messages import ThreadAnswer
from engine.worker.safety import Detector
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import ImageState, decode
from tests.engine.stand_in_checker import any_checker

NAMES = tuple(SCHEDULERS)
ENDS = (JobFinished, JobFailed, JobCancelled)
Listener = Callable[[FromWorker], Iterable[ToWorker]]
Share = Callable[..., Any]
GUARD_S = 600.0
Draws = Callable[[Sequence[Recipe]], list[Draw]]


@pytest.fixture(scope="module")
def models(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector) -> ModelCache:
    """The worker's models, with the rows of the default size proven."""
    models = ModelCache(make_catalog(tiny_folder), device, floor, any_checker, warm_up=warm_up)
    models.get("tiny")
    while models.prove():
        pass
    return models


@pytest.fixture
def make_sharing(make_parent: Callable[..., Any], tiny_folder: Path, models: ModelCache) -> Share:
    """Make the parent of a worker whose models are loaded already."""

    def make(listener: Listener = lambda message: (), models: ModelCache = models, device: Device | None = None) -> Any:
        parent = make_parent(tiny_folder)
        parent.models, parent.listener, parent.device = models, listener, device or parent.device
        return parent

    return make


@pytest.fixture(scope="module")
def alone(models: ModelCache, denoise: Callable[[LoadedModel, Recipe], WorkerJob]) -> Callable[[Recipe], list[str]]:
    """The hashes of a recipe's pictures, each drawn by itself in calls of two rows."""
    known: dict[Recipe, str] = {}

    def one(recipe: Recipe) -> str:
        if recipe not in known:
            picture = to_picture(decode(denoise(models.get("tiny"), recipe).image_states[0]))
            known[recipe] = pixel_sha256("RGB", *picture.size, picture.tobytes())
        return known[recipe]

    return lambda recipe: [one(replace(recipe, images=(seed,))) for seed in recipe.images]


@pytest.fixture
def draws(request_for: Callable[..., GenerationRequest]) -> Draws:
    """Ask for recipes as job-0, job-1, ..."""
    return lambda recipes: [
        Draw(request_for(recipe, f"job-{number}", previews=False)) for number, recipe in enumerate(recipes)
    ]


@contextmanager
def watched(model: LoadedModel, see: Callable[[int], None]) -> Iterator[None]:
    """Have `see` told the rows of each UNet call before it is made."""

    def look(unet: Any, arguments: Any) -> None:
        see(len(arguments[0]))

    handle = model.pipeline.unet.register_forward_pre_hook(look)
    try:
        yield
    finally:
        handle.remove()


def of(heard: Iterable[FromWorker], job_id: str) -> list[FromWorker]:
    return [message for message in heard if getattr(message, "job_id", None) == job_id]


def hashes(message: FromWorker) -> list[str]:
    assert isinstance(message, JobFinished)
    return [result.image.sha256 for result in message.images if result.image]


def test_a_newcomer_behind_a_full_batch_starts_within_one_step_and_ends_first(
    make_sharing: Share, recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    full = [
        request_for(replace(recipe, steps=50, images=(ImageSeed(number),)), f"long-{number}", previews=False)
        for number in range(8)
    ]
    newcomer = request_for(replace(recipe, steps=10), "newcomer", previews=False)

    def send_newcomer(message: FromWorker) -> Iterable[ToWorker]:
        return [Draw(newcomer)] if message == JobProgress("long-7", 3, 50) else []

    heard = make_sharing(send_newcomer).run(*(Draw(request) for request in full))
    started = heard.index(JobStarted("newcomer"))
    first_step = heard.index(JobProgress("newcomer", 1, 10))
    between = [message.job_id for message in heard[started:first_step] if isinstance(message, JobProgress)]
    assert len(between) == len(set(between))
    assert next(message.job_id for message in heard if isinstance(message, JobFinished)) == "newcomer"


class AnswerCount(Inbox):
    """Lets another thread wait for what is put in."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Semaphore(0)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        if isinstance(item, ThreadAnswer):
            self.answers.release()


def test_a_job_that_comes_during_a_call_is_prepared_meanwhile_and_is_in_the_next(
    make_sharing: Share, models: ModelCache, recipe: Recipe, draws: Draws
) -> None:
    first, second = draws([replace(recipe, steps=9), replace(recipe, steps=2)])
    model, parent, rows = models.get("tiny"), make_sharing(), list[int]()
    parent.inbox = AnswerCount()

    def see(count: int) -> None:
        rows.append(count)
        if len(rows) == 3:
            seen_before = parent.inbox.qsize()
            parent.send(second)
            while parent.inbox.qsize() < seen_before + 2:  # that it comes, and that it is prepared
                assert parent.inbox.answers.acquire(timeout=GUARD_S)

    with watched(model, see):
        parent.run(first)
    assert rows == [2, 2, 2, 4, 4, 2, 2, 2, 2]


def test_a_cancel_directly_behind_a_job_that_comes_during_a_call_ends_it(
    make_sharing: Share, models: ModelCache, recipe: Recipe, draws: Draws
) -> None:
    first, second = draws([replace(recipe, steps=9), replace(recipe, steps=9)])
    model, parent, rows = models.get("tiny"), make_sharing(), list[int]()

    def see(count: int) -> None:
        rows.append(count)
        if len(rows) == 3:
            parent.send(second)
            parent.send(Cancel("job-1"))

    with watched(model, see):
        parent.run(first)
    assert rows == [2] * 9
    assert of(parent.heard, "job-1") == [JobCancelled("job-1")]


class IdleWatch(Inbox):
    """Calls `idle` on the step thread when that is about to wait."""

    def __init__(self, idle: Callable[[], None]) -> None:
        super().__init__()
        self._idle = idle

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self.empty():
            self._idle()
        return super().get(block, timeout)


@pytest.mark.parametrize("end", [JobFinished, JobCancelled])
def test_a_worker_that_has_nothing_to_draw_keeps_nothing_of_what_it_drew(
    end: type[FromWorker], make_sharing: Share, models: ModelCache, recipe: Recipe, draws: Draws
) -> None:
    """Else a model that leaves memory next would stay there with it."""

    def image_states() -> set[int]:
        gc.collect()
        return {id(each) for each in gc.get_objects() if type(each) is ImageState}

    def cancel(message: FromWorker) -> Iterable[ToWorker]:
        return [Cancel("job-0")] if end is JobCancelled and message == JobProgress("job-0", 2, 4) else []

    def look() -> None:
        if not parent.of(end):
            return
        guard = time.monotonic() + GUARD_S
        while image_states() - before and time.monotonic() < guard:
            time.sleep(0.01)  # a service thread may not have left its last task yet
        kept.append(image_states() - before)
        parent.inbox.put(Stop())

    models.get("tiny")
    before, kept, parent = image_states(), list[set[int]](), make_sharing(cancel)
    parent.inbox, parent.awaited = IdleWatch(look), 1  # so that its end is not the worker's
    parent.run(*draws([replace(recipe, steps=4)]))
    assert kept == [set()]


def test_a_cancel_frees_its_rows_for_the_next_call(
    make_sharing: Share,
    device: Device,
    recipe: Recipe,
    draws: Draws,
    make_catalog: Callable[..., Catalog],
    tiny_folder: Path,
    floor: Detector,
) -> None:
    """Seen in the class `fast`, where a call has no rows but those in use."""
    fast = replace(device, service="fast")
    fast_models = ModelCache(make_catalog(tiny_folder), fast, floor, any_checker)
    events: list[Any] = []

    def cancel(message: FromWorker) -> Iterable[ToWorker]:
        events.append(message)
        return [Cancel("job-1")] if message == JobProgress("job-3", 5, 20) else []

    wanted = [replace(recipe, steps=20, scheduler="Euler a", images=(ImageSeed(number),)) for number in range(4)]
    with watched(fast_models.get("tiny"), events.append):
        parent = make_sharing(cancel, fast_models, fast)
        parent.run(*draws(wanted))
    rows = [event for event in events[events.index(JobProgress("job-3", 5, 20)) :] if isinstance(event, int)]
    assert rows[0] == 6
    assert 8 in events
    assert of(parent.heard, "job-1")[-1] == JobCancelled("job-1")
    assert [message.facts.bucket for message in parent.of(JobFinished)] == [8, 8, 8]
    assert {message.facts.service for message in parent.of(JobFinished)} == {"fast"}


def test_running_out_of_memory_halves_the_rows_and_changes_no_picture(
    make_sharing: Share,
    models: ModelCache,
    recipe: Recipe,
    draws: Draws,
    alone: Callable[[Recipe], list[str]],
) -> None:
    wanted = [
        replace(recipe, steps=5, scheduler=NAMES[number % len(NAMES)], images=(ImageSeed(number),))
        for number in range(6)
    ]
    expected = [alone(recipe) for recipe in wanted]
    seen: list[int] = []

    def run_out(rows: int) -> None:
        seen.append(rows)
        if rows > 2:
            raise torch.OutOfMemoryError("no more")

    with watched(models.get("tiny"), run_out):
        parent = make_sharing()
        parent.run(*draws(wanted))
    finished = {message.job_id: message for message in parent.of(JobFinished)}
    assert [hashes(finished[f"job-{number}"]) for number in range(6)] == expected
    assert {message.facts.bucket for message in finished.values()} == {2}
    assert 1 <= sum(rows > 2 for rows in seen) <= 3


def test_an_image_that_does_not_fit_by_itself_fails_its_job(
    make_sharing: Share, models: ModelCache, recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    models.get("tiny")

    def run_out(rows: int) -> None:
        raise torch.OutOfMemoryError("no more")

    with watched(models.get("tiny"), run_out):
        heard = make_sharing().run(Draw(request_for(recipe)))
    assert (heard[-1].code, heard[-1].data["reason"]) == ("out_of_memory", "OutOfMemoryError: no more")


def test_a_job_whose_images_raise_fails_alone_in_a_shared_call(
    make_sharing: Share,
    models: ModelCache,
    recipe: Recipe,
    draws: Draws,
    alone: Callable[[Recipe], list[str]],
    denoise: Callable[[LoadedModel, Recipe], WorkerJob],
) -> None:
    wanted = [replace(recipe, steps=20, images=(ImageSeed(number),)) for number in range(2)]
    expected = [alone(recipe) for recipe in wanted]
    model, odd = models.get("tiny"), replace(recipe, prompt="odd")
    context = denoise(model, odd).image_states[0].conditioning.context[1]
    shared: list[bool] = []

    def refuse(unet: Any, arguments: Any, options: Any) -> None:
        contexts = options["encoder_hidden_states"]
        if any(torch.equal(row, context) for row in contexts):
            shared.append(len(contexts) > 2)
            raise ValueError("what an odd prompt")

    handle = model.pipeline.unet.register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        parent = make_sharing()
        parent.run(*draws([wanted[0], wanted[1], odd]))
    finally:
        handle.remove()
    assert shared == [True, False]
    assert [(message.job_id, message.data["reason"]) for message in parent.of(JobFailed)] == [
        ("job-2", "ValueError: what an odd prompt")
    ]
    finished = {message.job_id: hashes(message) for message in parent.of(JobFinished)}
    assert [finished["job-0"], finished["job-1"]] == expected


@dataclass(frozen=True)
class Visit:
    """A job that comes `after` so many messages more, and is cancelled after so many of its own, or not."""

    after: int
    recipe: Recipe
    cancel_after: int | None


VISITS = st.lists(
    st.builds(
        Visit,
        st.integers(0, 6),
        st.builds(
            Recipe,
            *map(st.just, ("tiny", "1", "a red apple", "")),
            width=st.sampled_from([64, 96]),
            height=st.just(64),
            steps=st.sampled_from([1, 3, 6]),
            guidance_scale=st.sampled_from([1.0, 3.0]),
            scheduler=st.sampled_from(NAMES),
            images=st.integers(1, 3).map(lambda count: tuple(ImageSeed(seed) for seed in range(count))),
        ),
        st.none() | st.integers(0, 5),
    ),
    min_size=2,
    max_size=6,
)


class Crowd:
    """Sends visits as their time comes."""

    def __init__(self, visits: list[Visit]) -> None:
        self._coming = list(enumerate(visits))
        self._visits = visits
        self._quiet = 0
        self._alive: set[str] = set()
        self._heard: dict[str, int] = {}

    def begin(self) -> list[ToWorker]:
        return self._next()

    def listen(self, message: FromWorker) -> Iterable[ToWorker]:
        self._quiet += 1
        job_id = getattr(message, "job_id", None)
        if job_id is not None:
            self._heard[job_id] = self._heard.get(job_id, 0) + 1
            if self._heard[job_id] - 1 == self._visits[int(job_id)].cancel_after:
                yield Cancel(job_id)
            if isinstance(message, ENDS):
                self._alive.discard(job_id)
        while self._coming and (self._quiet >= self._coming[0][1].after or not self._alive):
            yield from self._next()

    def _next(self) -> list[ToWorker]:
        number, visit = self._coming.pop(0)
        self._quiet = 0
        self._alive.add(str(number))
        return [Draw(GenerationRequest(visit.recipe, str(number), 1, 0.0, "guild:user"))]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(VISITS)
def test_whatever_comes_and_goes_every_job_ends_once_and_is_what_it_is_alone(
    make_sharing: Share, alone: Callable[[Recipe], list[str]], visits: list[Visit]
) -> None:
    expected = [alone(visit.recipe) for visit in visits]
    crowd = Crowd(visits)
    heard = make_sharing(crowd.listen).run(*crowd.begin())
    for number, visit in enumerate(visits):
        own = of(heard, str(number))
        assert sum(isinstance(message, ENDS) for message in own) == 1
        assert isinstance(own[-1], JobFinished if visit.cancel_after is None else JobFinished | JobCancelled)
        if isinstance(own[-1], JobFinished):
            assert {result.verdict for result in own[-1].images} == {Verdict.ALLOW}
            assert hashes(own[-1]) == expected[number]
