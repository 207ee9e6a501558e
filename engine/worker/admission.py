"""Jobs that are not drawn yet, and the models they wait for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from engine.api import GenerationRequest, UpscalerUse
from engine.wire import Loaded
from engine.worker.jobs import WorkerJob, begin_enlarging, begin_job
from engine.worker.loading.model_cache import ModelCache, NoRoom
from engine.worker.loading.pipelines import LoadedModel, ModelParts
from engine.worker.runtime.faults import ran_out
from engine.worker.runtime.service_thread import ServiceThread
from engine.worker.safety import DetectorHung
from engine.worker.upscaling.upscalers import Upscalers

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class Admission:
    """Prepares jobs on one service thread, and loads on another what will be wanted.

    Owned by the step thread, but for `begin`.

    Args:
        models: touched by the service thread `prepares` alone.
        prepare_thread: brings models to the device, encodes prompts, draws initial noise.
        fetch_thread: loads models ahead, beside what is prepared and drawn.
        join: takes a job that is prepared, and holds its model until `left`.
        refuse: is told the id of a job that could not be prepared, and why.
        tell: gives the parent a message.
    """

    def __init__(
        self,
        models: ModelCache,
        prepare_thread: ServiceThread,
        fetch_thread: ServiceThread,
        join: Callable[[WorkerJob], None],
        refuse: Callable[[str, Exception], None],
        tell: Callable[[Loaded], None],
    ) -> None:
        self._models = models
        self._upscalers = Upscalers(models)
        self._prepare_thread = prepare_thread
        self._fetch_thread = fetch_thread
        self._join = join
        self._refuse = refuse
        self._tell = tell
        self._coming: dict[str, GenerationRequest] = {}
        self._waiting: list[GenerationRequest] = []
        self._fetching: set[str] = set()
        self._held = 0
        self._may_prove = False
        self._proves = False
        self._told = Loaded((), ())

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Ids of the jobs that are being prepared, or wait for it."""
        return tuple(self._coming)

    def expect(self, request: GenerationRequest) -> None:
        """Know a job that `begin` was, or is to be, called for."""
        self._coming[request.job_id] = request

    def begin(self, request: GenerationRequest) -> None:
        """Prepare a job, at once if its model is ready. Any thread may call it: the step thread's is in a UNet call."""
        self._ask(partial(self._begin_if_ready, request), partial(self._begun, request), partial(self._failed, request))

    def cancel(self, job_id: str) -> bool:
        """Forget a job that is not prepared yet; say whether there was one."""
        return self._coming.pop(job_id, None) is not None

    def left(self, request: GenerationRequest) -> None:
        """A job that was prepared is over."""
        self._held -= 1
        self._prepare_thread.submit(partial(self._release, request), lambda _: None, _unexpected)
        self._try_again()

    def _release(self, request: GenerationRequest) -> None:
        """On the service thread."""
        self._models.release(request.recipe.model)
        if request.recipe.upscaler is not None:
            self._upscalers.give_back(request.recipe.upscaler)

    def evict_idle_models(self, then: Callable[[], None]) -> None:
        """Free the device of models that are not drawn with, and do something then."""
        self._ask(self._models.evict_idle, lambda _: then(), _unexpected)

    def prefetch(self, model: str) -> None:
        """Load a model beside what is drawn, if there is room for it."""
        if model in self._fetching:
            return
        self._fetching.add(model)
        over = partial(self._fetched, model)
        self._ask(partial(self._models.plan_loading, model), partial(self._fetch, model), over)

    def _fetch(self, model: str, load: Callable[[], ModelParts] | None) -> None:
        over = partial(self._fetched, model)
        if load is None:
            over()
            return
        keep = partial(self._models.keep, model)
        self._fetch_thread.submit(load, lambda parts: self._ask(partial(keep, parts), over, over), over)

    def _fetched(self, model: str, outcome: Exception | None = None) -> None:
        """A model is there, or will not come; the job that needs it will be told what is wrong with it."""
        if outcome is not None:
            _log.warning("%s was not loaded ahead: %s", model, outcome)
        self._fetching.discard(model)
        self._try_again()

    def use_idle_time(self) -> None:
        """Have one call more made of what is to be proven, unless a job is on its way, or a model.

        The service thread has one such call at most, so that a job never waits for more.
        """
        if self._may_prove and not (self._proves or self._coming or self._fetching):
            self._proves = True
            self._prepare_thread.submit(self._models.prove, self._proved, _unexpected)

    def _proved(self, went_on: bool) -> None:
        self._proves, self._may_prove = False, went_on

    def _try_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._load_and_begin(request)

    def _load_and_begin(self, request: GenerationRequest) -> None:
        """Prepare a job whose model is not ready: when it is there, if it is on its way."""
        if self._coming.get(request.job_id) is not request:
            return
        if request.recipe.model in self._fetching:
            self._waiting.append(request)
        else:
            self._ask(partial(self._begin, request), partial(self._begun, request), partial(self._failed, request))

    def _begin_if_ready(self, request: GenerationRequest) -> WorkerJob | None:
        """On the service thread."""
        ready, _ = self._models.loaded()
        return self._begin(request) if request.recipe.model in ready else None

    def _begin(self, request: GenerationRequest) -> WorkerJob:
        """On the service thread."""
        name, use = request.recipe.model, request.recipe.upscaler
        model = self._models.get(name)
        self._models.hold(name)
        try:
            return begin_job(request, model) if use is None else self._begin_enlarging(request, model, use)
        except BaseException:
            self._models.release(name)
            raise

    def _begin_enlarging(self, request: GenerationRequest, model: LoadedModel, use: UpscalerUse) -> WorkerJob:
        upscaler = self._upscalers.take(use)
        try:
            return begin_enlarging(request, model, upscaler)
        except BaseException:
            self._upscalers.give_back(use)
            raise

    def _begun(self, request: GenerationRequest, job: WorkerJob | None) -> None:
        if job is None:
            self._load_and_begin(request)
            return
        self._held += 1
        if self._coming.get(job.job_id) is request:
            del self._coming[job.job_id]
            self._join(job)
        else:
            self.left(request)

    def _failed(self, request: GenerationRequest, error: Exception) -> None:
        if isinstance(error, DetectorHung):
            self._refuse(request.job_id, error)  # also if nobody wants the job any more: the worker ends
        if self._coming.get(request.job_id) is not request:
            return
        if isinstance(error, NoRoom) or (ran_out(error) and self._held):
            error.__traceback__ = None  # it holds what was computed so far
            self._waiting.append(request)
            if not self._held:  # whoever took the room has left meanwhile
                self._try_again()
            return
        del self._coming[request.job_id]
        self._refuse(request.job_id, error)

    def _ask(
        self, work: Callable[[], Result], take: Callable[[Result], None], fail: Callable[[Exception], None]
    ) -> None:
        """Have something done with the models, and tell the parent first if others are in memory then."""

        def tell(loaded: Loaded) -> None:
            if loaded != self._told:
                self._told = loaded
                self._tell(loaded)

        def watched() -> tuple[Callable[[], None], Loaded]:
            try:
                outcome = partial(take, work())
            except Exception as error:
                outcome = partial(fail, error)
            return outcome, Loaded(*self._models.loaded())

        def opened(answer: tuple[Callable[[], None], Loaded]) -> None:
            tell(answer[1])
            self._may_prove = True
            answer[0]()

        self._prepare_thread.submit(watched, opened, _unexpected)


def _unexpected(error: Exception) -> None:
    raise error
