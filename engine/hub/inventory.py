"""Which models and add-ons of a catalogue are here: looked up in a thread, so that whoever asks reads no file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from engine.api import Inversion, Lora, ModelInfo
from engine.catalog import AddOn, Catalog
from engine.hub.receipts import is_here, missing, sources_of
from engine.hub.repository import ADDON

EVERY_S = 5.0
"""Seconds between two looks: so soon is known what another program has pulled or removed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stock:
    """What of a catalogue was here at one moment.

    Args:
        infos: all models, the default first; each knows which LoRAs and textual inversions are not here.
        infos_here: those whose own files are.
    """

    infos: tuple[ModelInfo, ...]
    infos_here: tuple[ModelInfo, ...]

    def get(self, model: str) -> ModelInfo | None:
        """Return the model of that id, here or not; None if the catalogue has none."""
        return next((info for info in self.infos if info.id == model), None)

    def has(self, model: str) -> bool:
        """Tell whether a model's files are here; one that is not in the catalogue is nowhere."""
        return any(info.id == model for info in self.infos_here)


def take_stock(catalog: Catalog) -> Stock:
    """Look for every file of the catalogue's models and add-ons, by their receipts."""
    absent = [addon for addon in catalog.addons if not is_here(addon.source, ADDON)]
    infos = tuple(_without(absent, entry.info) for entry in catalog.entries)
    found = zip(infos, catalog.entries, strict=True)
    return Stock(infos, tuple(info for info, entry in found if not missing(sources_of(entry))))


def _without(absent: Sequence[AddOn], info: ModelInfo) -> ModelInfo:
    own = [addon.meaning for addon in absent if addon.family == info.compatible_family]
    return replace(
        info,
        absent_inversions=tuple(each for each in own if isinstance(each, Inversion)),
        absent_loras=tuple(each for each in own if isinstance(each, Lora)),
    )


class Inventory:
    """Owns the last look at what is here. Making one takes the first, which reads files.

    Args:
        catalog: what is looked for.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._turn = asyncio.Lock()
        self.stock = take_stock(catalog)

    async def renew(self) -> None:
        """Look again, in a thread; what is known until then stays."""
        async with self._turn:  # an older look never takes the place of a newer one
            self.stock = await asyncio.to_thread(take_stock, self._catalog)

    async def keep(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look again every EVERY_S seconds, without end."""
        while True:
            await sleep(EVERY_S)
            try:
                await self.renew()
            except Exception:
                log.exception("which models are here is not known anew: unexpected")


@asynccontextmanager
async def open_inventory(
    catalog: Catalog, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[Inventory]:
    """Look once, and then again and again in a task that ends with the block.

    Args:
        catalog: what is looked for.
        sleep: waits between two looks, in seconds.
    """
    inventory = await asyncio.to_thread(Inventory, catalog)
    keeping = asyncio.create_task(inventory.keep(sleep), name="inventory")
    try:
        yield inventory
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
