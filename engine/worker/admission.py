"""Jobs that are not drawn yet, and the models they wait for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from engine.api import GenerationRequest
from engine.wire import Loaded
from engine.worker.jobs import WorkerJob
from engine.worker.loading.model_cache import NoRoom
from engine.worker.loading.pipelines import ModelParts
from engine.worker.runtime.faults import ran_out
from engine.worker.runtime.service_thread import ServiceQueue
from engine.worker.safety import DetectorHung
from engine.worker.threads.fetcher import fetch
from engine.worker.threads.messages import AfterEviction, PrefetchEnded
from engine.worker.threads.preparer import Preparer

_log = logging.getLogger(__name__)


class Admission:
    """Has jobs prepared on one service thread, and loaded on another what will be wanted.

    Owned by the step thread, but for `begin`. The loop gives it the answers that concern it.

    Args:
        preparer: called on `prepare_thread` alone.
        prepare_thread: brings models to the device, encodes prompts, draws initial noise.
        fetch_thread: loads models ahead, beside what is prepared and drawn.
        tell: gives the parent a message.
    """

    def __init__(
        self,
        preparer: Preparer,
        prepare_thread: ServiceQueue,
        fetch_thread: ServiceQueue,
        tell: Callable[[Loaded], None],
    ) -> None:
        self._preparer = preparer
        self._prepare_thread = prepare_thread
        self._fetch_thread = fetch_thread
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
        self._prepare_thread.submit(partial(self._preparer.prepare_if_ready, request))

    def load_and_begin(self, request: GenerationRequest) -> None:
        """Prepare a job whose model is not ready: when it is there, if it is on its way."""
        if self._coming.get(request.job_id) is not request:
            return
        if request.recipe.model in self._fetching:
            self._waiting.append(request)
        else:
            self._prepare_thread.submit(partial(self._preparer.prepare, request))

    def prepared(self, request: GenerationRequest, job: WorkerJob) -> bool:
        """Note that a job is prepared, and say whether it is still wanted; it holds its model until `left`."""
        self._held += 1
        if self._coming.get(job.job_id) is not request:
            self.left(request)
            return False
        del self._coming[job.job_id]
        return True

    def not_prepared(self, request: GenerationRequest, error: Exception) -> bool:
        """Note that a job could not be prepared, and say whether its parent is to be told: it may be tried again."""
        if isinstance(error, DetectorHung):
            return True  # also if nobody wants the job any more: the worker ends
        if self._coming.get(request.job_id) is not request:
            return False
        if isinstance(error, NoRoom) or (ran_out(error) and self._held):
            error.__traceback__ = None  # it holds what was computed so far
            self._waiting.append(request)
            if not self._held:  # whoever took the room has left meanwhile
                self._try_again()
            return False
        del self._coming[request.job_id]
        return True

    def cancel(self, job_id: str) -> bool:
        """Forget a job that is not prepared yet; say whether there was one."""
        return self._coming.pop(job_id, None) is not None

    def left(self, request: GenerationRequest) -> None:
        """A job that was prepared is over."""
        self._held -= 1
        self._prepare_thread.submit(partial(self._preparer.release, request))
        self._try_again()

    def evict_idle_models(self, then: AfterEviction) -> None:
        """Free the device of models that are not drawn with; the answer is `then`."""
        self._prepare_thread.submit(partial(self._preparer.evict_idle, then))

    def models_are(self, loaded: Loaded) -> None:
        """Something was done with the models; tell the parent if others are in memory now."""
        self._may_prove = True
        if loaded != self._told:
            self._told = loaded
            self._tell(loaded)

    def prefetch(self, model: str) -> None:
        """Load a model beside what is drawn, if there is room for it."""
        if model in self._fetching:
            return
        self._fetching.add(model)
        self._prepare_thread.submit(partial(self._preparer.plan_loading, model))

    def fetch(self, model: str, load: Callable[[], ModelParts] | None) -> None:
        """Have a model loaded for which there is room; None for how if there is nothing to do."""
        if load is None:
            self.fetched(model)
        else:
            self._fetch_thread.submit(partial(fetch, model, load), partial(PrefetchEnded, model))

    def keep(self, model: str, parts: ModelParts) -> None:
        """Have a model that was loaded taken in."""
        self._prepare_thread.submit(partial(self._preparer.keep, model, parts))

    def fetched(self, model: str, error: Exception | None = None) -> None:
        """A model is there, or will not come; the job that needs it will be told what is wrong with it."""
        if error is not None:
            _log.warning("%s was not loaded ahead: %s", model, error)
        self._fetching.discard(model)
        self._try_again()

    def use_idle_time(self) -> None:
        """Have one call more made of what is to be proven, unless a job is on its way, or a model.

        The service thread has one such call at most, so that a job never waits for more.
        """
        if self._may_prove and not (self._proves or self._coming or self._fetching):
            self._proves = True
            self._prepare_thread.submit(self._preparer.prove)

    def proved(self, went_on: bool) -> None:
        """A call of a proof was made, or nothing was left to prove."""
        self._proves, self._may_prove = False, went_on

    def _try_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self.load_and_begin(request)
