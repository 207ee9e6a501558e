"""What runs on the service thread `prepares`: models come and go, jobs are begun, rows proven."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from engine.api import GenerationRequest, UpscalerUse
from engine.wire import Loaded
from engine.worker.jobs import WorkerJob, begin_enlarging, begin_job
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel, ModelParts
from engine.worker.runtime.messages import Unexpected
from engine.worker.threads.messages import (
    AfterEviction,
    Done,
    FromPreparer,
    JobNotPrepared,
    JobPrepared,
    LoadingPlanned,
    ModelNotReady,
    PrefetchEnded,
    RowsProven,
    WithModels,
)
from engine.worker.upscaling.upscalers import Upscalers


class Preparer:
    """Owns the models and the upscalers. Called on the service thread `prepares` alone.

    Each method returns what the step thread is told.

    Args:
        models: the worker's.
    """

    def __init__(self, models: ModelCache) -> None:
        self._models = models
        self._upscalers = Upscalers(models)

    def prepare_if_ready(self, request: GenerationRequest) -> WithModels:
        """Begin a job whose model is ready, and hold that."""
        return self._with_models(partial(self._begin_if_ready, request), partial(JobNotPrepared, request))

    def prepare(self, request: GenerationRequest) -> WithModels:
        """Begin a job, and hold its model, which is brought to the device first."""
        return self._with_models(partial(self._begin, request), partial(JobNotPrepared, request))

    def release(self, request: GenerationRequest) -> Done:
        """Let go of what a job that was begun held."""
        self._models.release(request.recipe.model)
        if request.recipe.upscaler is not None:
            self._upscalers.give_back(request.recipe.upscaler)
        return Done()

    def evict_idle(self, then: AfterEviction) -> WithModels:
        """Evict what is not drawn with from the device."""

        def evict() -> AfterEviction:
            self._models.evict_idle()
            return then

        return self._with_models(evict, Unexpected)

    def plan_loading(self, model: str) -> WithModels:
        """Make room for a model that will be wanted, without a loss to what is drawn."""
        return self._with_models(
            lambda: LoadingPlanned(model, self._models.plan_loading(model)), partial(PrefetchEnded, model)
        )

    def keep(self, model: str, parts: ModelParts) -> WithModels:
        """Take in a model that was loaded ahead."""

        def keep() -> PrefetchEnded:
            self._models.keep(model, parts)
            return PrefetchEnded(model)

        return self._with_models(keep, partial(PrefetchEnded, model))

    def prove(self) -> RowsProven:
        """Make one call of what is still to be proven."""
        return RowsProven(self._models.prove())

    def _with_models(self, work: Callable[[], FromPreparer], failed: Callable[[Exception], FromPreparer]) -> WithModels:
        try:
            answer = work()
        except Exception as error:
            answer = failed(error)
        return WithModels(Loaded(*self._models.loaded()), answer)

    def _begin_if_ready(self, request: GenerationRequest) -> JobPrepared | ModelNotReady:
        ready, _ = self._models.loaded()
        return self._begin(request) if request.recipe.model in ready else ModelNotReady(request)

    def _begin(self, request: GenerationRequest) -> JobPrepared:
        name, use = request.recipe.model, request.recipe.upscaler
        model = self._models.get(name)
        self._models.hold(name)
        try:
            job = begin_job(request, model) if use is None else self._begin_enlarging(request, model, use)
        except BaseException:
            self._models.release(name)
            raise
        return JobPrepared(request, job)

    def _begin_enlarging(self, request: GenerationRequest, model: LoadedModel, use: UpscalerUse) -> WorkerJob:
        upscaler = self._upscalers.take(use)
        try:
            return begin_enlarging(request, model, upscaler)
        except BaseException:
            self._upscalers.give_back(use)
            raise
