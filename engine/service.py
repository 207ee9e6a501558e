"""The engine as the bot and the command line use it: settings in, `EngineClient` out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from engine.api import EngineStatus, GenerationRequest, Job, ModelInfo, ModelUnavailable, Recipe, UnknownModel
from engine.catalog import Catalog, load_catalog
from engine.dispatch import Dispatcher
from engine.executors.port import Executor
from engine.executors.process import ProcessExecutor
from engine.executors.pull import ProcessPuller
from engine.hub import Inventory, Stock, open_inventory
from engine.prompt_floor import check_negative_prompt, check_prompt
from engine.settings import EngineSettings


class EngineService:
    """Implements `engine.api.EngineClient` over an inventory and a dispatcher. No call reads a file.

    Args:
        inventory: knows which models are here.
        dispatcher: has jobs drawn.
        pulls: whether it brings models here that are not, when they are asked for.
    """

    def __init__(self, inventory: Inventory, dispatcher: Dispatcher, *, pulls: bool = False) -> None:
        self._inventory = inventory
        self._dispatcher = dispatcher
        self._pulls = pulls

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models whose files are here, or can be brought here, the default model first.

        Each knows which LoRAs and textual inversions are not here: those are not pulled on demand.
        """
        stock = self._inventory.stock
        return stock.infos if self._pulls else stock.infos_here

    def check(self, recipe: Recipe, tenant: str | None = None) -> None:
        """Raise what is wrong with the recipe, or with the engine.

        Raises:
            Refused, ModelUnavailable: as in `check_recipe`; or no worker can load the model.
            SafetyUnavailable, EngineStopped: nothing can be drawn now.
            TooBusy: too many jobs wait.
        """
        check_recipe(recipe, self._inventory.stock, self._pulls)
        self._dispatcher.check(recipe.model, tenant)

    def submit(self, request: GenerationRequest) -> Job:
        """Queue a request.

        Raises:
            Refused, Unavailable: as in `check`, or BadInput for a file that is missing; nothing was queued.
            ValueError: a live job has this id already.
        """
        check_recipe(request.recipe, self._inventory.stock, self._pulls)
        request.check_inputs()
        return self._dispatcher.submit(request)

    def status(self) -> EngineStatus:
        """Return a snapshot for operators and /quota."""
        return self._dispatcher.status()


def check_recipe(recipe: Recipe, stock: Stock, pulls: bool = False) -> None:
    """Raise what keeps the recipe from being drawn, whatever the state of the engine.

    Args:
        recipe: what is asked for.
        stock: the models, and which of them are here.
        pulls: whether the engine brings models here that are not.

    Raises:
        UnknownModel, InvalidSize, OutOfRange, UnknownScheduler, BadPrompt: the recipe is wrong.
        UnknownInversion, UnknownLora, NotHereYet: as it is, the model has not what the recipe names.
        ModelUnavailable: the recipe is of another revision of the model than the catalogue has, or its files are not
            here.
    """
    info = stock.get(recipe.model)
    if info is None:
        raise UnknownModel(recipe.model, tuple(each.id for each in stock.infos))
    info.check(recipe)
    check_prompt(recipe.prompt)
    check_negative_prompt(recipe.negative_prompt, recipe.prompt)
    if recipe.model_revision != info.revision:
        reason = f"revision {recipe.model_revision} was asked for, and the catalogue has {info.revision}"
        raise ModelUnavailable(recipe.model, reason)
    if not pulls and not stock.has(recipe.model):
        raise ModelUnavailable(
            recipe.model, f"its files are not here yet; easel models pull {recipe.model} brings them"
        )


@asynccontextmanager
async def open_engine(
    settings: EngineSettings,
    catalog: Catalog | None = None,
    executors: Sequence[Executor] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[EngineService]:
    """Run an engine. It takes jobs at once; they wait until a worker is ready.

    All its tasks are made here and inherit the caller's context; `submit` makes none.

    Args:
        settings: what to run.
        catalog: the models; None for those of the settings.
        executors: one per worker; None for one process per worker of the settings.
        sleep: waits between two looks at which models are here, in seconds.

    Raises:
        CatalogError: the models file cannot be used.
    """
    if catalog is None:
        catalog = load_catalog(settings.models_file, settings.models_dir)
    if executors is None:
        executors = [ProcessExecutor(spec, settings.models_file, settings.models_dir) for spec in settings.workers()]
    pulls = settings.pull_on_demand
    async with open_inventory(catalog, sleep) as inventory:
        puller = ProcessPuller(inventory, settings.models_file, settings.models_dir) if pulls else None
        dispatcher = Dispatcher(executors, settings, puller=puller)
        dispatcher.open()
        try:
            yield EngineService(inventory, dispatcher, pulls=pulls)
        finally:
            await dispatcher.close()
