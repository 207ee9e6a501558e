"""The engine as the bot and the command line use it: settings in, `EngineClient` out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from engine.api import (
    EngineStatus,
    GenerationRequest,
    Inversion,
    Job,
    Lora,
    ModelInfo,
    ModelUnavailable,
    Recipe,
    UnknownModel,
)
from engine.catalog import AddOn, Catalog, load_catalog
from engine.dispatch import Dispatcher
from engine.executors.port import Executor
from engine.executors.process import ProcessExecutor
from engine.executors.pull import ProcessPuller
from engine.hub import ADDON, is_here, missing, sources_of
from engine.prompt_floor import check_negative_prompt, check_prompt
from engine.settings import EngineSettings


class EngineService:
    """Implements `engine.api.EngineClient` over a catalogue and a dispatcher.

    Args:
        catalog: the models.
        dispatcher: has jobs drawn.
        pulls: whether it brings models here that are not, when they are asked for.
    """

    def __init__(self, catalog: Catalog, dispatcher: Dispatcher, *, pulls: bool = False) -> None:
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._pulls = pulls

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models whose files are here, or can be brought here, the default model first.

        Each knows which LoRAs and textual inversions are not here: those are not pulled on demand.
        """
        absent = _absent(self._catalog)
        entries = [entry for entry in self._catalog.entries if self._pulls or not missing(sources_of(entry))]
        return tuple(_without(absent, entry.info) for entry in entries)

    def check(self, recipe: Recipe, tenant: str | None = None) -> None:
        """Raise what is wrong with the recipe, or with the engine.

        Raises:
            Refused, ModelUnavailable: as in `check_recipe`; or no worker can load the model.
            SafetyUnavailable, EngineStopped: nothing can be drawn now.
            TooBusy: too many jobs wait.
        """
        check_recipe(recipe, self._catalog, self._pulls)
        self._dispatcher.check(recipe.model, tenant)

    def submit(self, request: GenerationRequest) -> Job:
        """Queue a request.

        Raises:
            Refused, Unavailable: as in `check`, or BadInput for a file that is missing; nothing was queued.
            ValueError: a live job has this id already.
        """
        check_recipe(request.recipe, self._catalog, self._pulls)
        request.check_inputs()
        return self._dispatcher.submit(request)

    def status(self) -> EngineStatus:
        """Return a snapshot for operators and /quota."""
        return self._dispatcher.status()


def check_recipe(recipe: Recipe, catalog: Catalog, pulls: bool = False) -> None:
    """Raise what keeps the recipe from being drawn, whatever the state of the engine.

    Args:
        recipe: what is asked for.
        catalog: the models.
        pulls: whether the engine brings models here that are not.

    Raises:
        UnknownModel, InvalidSize, OutOfRange, UnknownScheduler, BadPrompt: the recipe is wrong.
        UnknownInversion, UnknownLora, NotHereYet: as it is, the model has not what the recipe names.
        ModelUnavailable: the recipe is of another revision of the model than the catalogue has, or its files are not
            here.
    """
    entry = catalog.get(recipe.model)
    if entry is None:
        raise UnknownModel(recipe.model, tuple(info.id for info in catalog.infos()))
    _without(_absent(catalog), entry.info).check(recipe)
    check_prompt(recipe.prompt)
    check_negative_prompt(recipe.negative_prompt, recipe.prompt)
    if recipe.model_revision != entry.info.revision:
        reason = f"revision {recipe.model_revision} was asked for, and the catalogue has {entry.info.revision}"
        raise ModelUnavailable(recipe.model, reason)
    if not pulls and missing(sources_of(entry)):
        raise ModelUnavailable(
            recipe.model, f"its files are not here yet; easel models pull {recipe.model} brings them"
        )


def _absent(catalog: Catalog) -> Sequence[AddOn]:
    """Return the LoRAs and textual inversions whose files were not pulled yet."""
    return [addon for addon in catalog.addons if not is_here(addon.source, ADDON)]


def _without(absent: Sequence[AddOn], info: ModelInfo) -> ModelInfo:
    own = [addon.meaning for addon in absent if addon.family == info.compatible_family]
    return replace(
        info,
        absent_inversions=tuple(each for each in own if isinstance(each, Inversion)),
        absent_loras=tuple(each for each in own if isinstance(each, Lora)),
    )


@asynccontextmanager
async def open_engine(
    settings: EngineSettings,
    catalog: Catalog | None = None,
    executors: Sequence[Executor] | None = None,
) -> AsyncIterator[EngineService]:
    """Run an engine. It takes jobs at once; they wait until a worker is ready.

    All its tasks are made here and inherit the caller's context; `submit` makes none.

    Args:
        settings: what to run.
        catalog: the models; None for those of the settings.
        executors: one per worker; None for one process per worker of the settings.

    Raises:
        CatalogError: the models file cannot be used.
    """
    if catalog is None:
        catalog = load_catalog(settings.models_file, settings.models_dir)
    if executors is None:
        executors = [ProcessExecutor(spec, settings.models_file, settings.models_dir) for spec in settings.workers()]
    pulls = settings.pull_on_demand
    puller = ProcessPuller(catalog, settings.models_file, settings.models_dir) if pulls else None
    dispatcher = Dispatcher(executors, settings, puller=puller)
    dispatcher.open()
    try:
        yield EngineService(catalog, dispatcher, pulls=pulls)
    finally:
        await dispatcher.close()
