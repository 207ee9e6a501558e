"""Which models are in memory: on the device while there is room, then in RAM, then only in their files.

The model that was used longest ago is evicted first; one that is drawn with stays. Sizes are counted from the tensors
once they are loaded, and told from the files before.
"""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from typing import Any

import torch

from engine.api import ModelInfo, ModelUnavailable, UnknownModel
from engine.catalog import Catalog, ModelEntry
from engine.catalog.families import FAMILIES
from engine.worker.loading.cached_model import CachedModel
from engine.worker.loading.kept import KeptProofs, ProofFile
from engine.worker.loading.memory import GB, Memory, card_memory, ram
from engine.worker.loading.offload import ModelOffload
from engine.worker.loading.pipelines import LoadedModel, ModelParts, load_parts
from engine.worker.loading.profiles import MemorySaving, Need, choose, decode_bytes
from engine.worker.loading.proofs import MOST_WORK, RowRules
from engine.worker.loading.weights import count_bytes, estimate_bytes, modules_of
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import one_line
from engine.worker.safety import Detector, Identify, ProofFailed, SafetyGate, TimedDetector, identify, prove_checker
from engine.worker.sampling.buckets import work_in_pairs
from engine.worker.sampling.compiler import compile_unet
from engine.worker.sampling.decoding import WideDecoding
from engine.worker.sampling.loras import Loras

WarmUp = Callable[[ModelInfo, LoadedModel], object]

_RAM = torch.device("cpu")

_log = logging.getLogger(__name__)


class NoRoom(Exception):
    """A model does not fit beside those that are drawn with; once one of them is not, it may."""


class ModelCache:
    """The models of one worker. Owned by the thread that prepares jobs.

    Args:
        catalog: which models there are.
        device: what they draw on.
        floor: the proven classifier under every model's gate.
        identify: tells what a model's own safety checker has to be.
        on_device: the device's memory; None to measure it.
        in_ram: memory for models that are not on the device; None to measure it beside a card, and for no such models
            where the device has the same memory.
        proof_file: keeps which numbers of rows were proven; None to prove them each time.
        warm_up: what is done once with each model that has become ready; where it raises, the model is unavailable.
    """

    def __init__(
        self,
        catalog: Catalog,
        device: Device,
        floor: Detector,
        identify: Identify = identify,
        on_device: Memory | None = None,
        in_ram: Memory | None = None,
        proof_file: ProofFile | None = None,
        warm_up: WarmUp | None = None,
    ) -> None:
        is_card = device.where.type == "cuda"
        self.catalog = catalog
        self.device = device
        self.beside_bytes = 0
        """What upscalers take on the device; theirs to set."""
        self._floor = TimedDetector(floor)
        self._identify = identify
        self._on_device = on_device or (card_memory(device.where) if is_card else ram(device.ram_bytes))
        self._in_ram = in_ram or (ram(device.ram_bytes) if is_card else None)
        self._proof_file = proof_file
        self._warm_up = warm_up
        self._cached: dict[str, CachedModel] = {}

    def get(self, model: str) -> LoadedModel:
        """Return a model that is ready to draw, loading it if it is not in memory.

        Raises:
            UnknownModel: the catalogue has no such id.
            ModelUnavailable: its files cannot be loaded, its safety checker failed its proof, or there is too little
                memory for it. The next call tries again.
            NoRoom: there is too little memory for it now.
        """
        if model not in self._cached:
            entry = self._entry(model)
            self._make_room(entry)
            self.keep(model, load_parts(entry, self._resting_device, self._identify))
        cached = self._cached[model] = self._cached.pop(model)
        if cached.model is None or not cached.on_device:
            self._bring(cached)
        assert cached.model is not None
        return cached.model

    def hold(self, model: str) -> None:
        """Keep a model that is in memory on the device until it is released as often as it was held."""
        self._cached[model].jobs += 1

    def release(self, model: str) -> None:
        """A job does not need the model any more."""
        self._cached[model].jobs -= 1

    def evict_idle(self) -> None:
        """Evict every model that is not drawn with from the device: what is drawn needs the memory."""
        for model in [name for name, each in self._cached.items() if each.on_device and not each.jobs]:
            self._evict_from_device(model)
        self._clean_up()

    def plan_loading(self, model: str) -> Callable[[], ModelParts] | None:
        """Make room for a model that will be wanted, without a loss to what is drawn.

        Returns:
            What loads it, to be called on any thread, and its answer given to `keep`; None if there is nothing to do,
            or no room.
        """
        entry = self.catalog.get(model)
        if entry is None or model in self._cached:
            return None
        size = estimate_bytes(entry, self.device)
        if not (self._clear_device(size) if self._in_ram is None else self._clear_ram(size)):
            _log.info("%s is not loaded ahead: there is too little memory beside what is drawn", model)
            return None
        return lambda: load_parts(entry, self._resting_device, self._identify)

    def keep(self, model: str, parts: ModelParts) -> None:
        """Take in what was loaded of a model that is not in memory."""
        entry, size = self._entry(model), count_bytes(parts.modules())
        self._cached[model] = CachedModel(entry, parts, size, on_device=self._in_ram is None)

    def prove(self) -> bool:
        """Make one call of what is still to be proven of the models on the device. Return whether there was one."""
        ready = [each.model for each in self._cached.values() if each.on_device and each.model is not None]
        return any(model.rules.prove() for model in reversed(ready))

    def loaded(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the models that can be drawn with at once, and those that are in memory but not ready."""
        ready = [name for name, each in self._cached.items() if each.on_device and each.model is not None]
        return tuple(ready), tuple(name for name in self._cached if name not in ready)

    @property
    def _resting_device(self) -> Device:
        """Where models are loaded to."""
        return self.device if self._in_ram is None else replace(self.device, where=_RAM)

    def _entry(self, model: str) -> ModelEntry:
        if entry := self.catalog.get(model):
            return entry
        raise UnknownModel(model, tuple(info.id for info in self.catalog.infos()))

    def _make_room(self, entry: ModelEntry) -> None:
        """Make room for a model's files."""
        size = estimate_bytes(entry, self.device)
        if self._in_ram is None:
            self._claim_device(entry.info.id, size)
        else:
            self._clear_ram(size)  # it only passes through

    def _bring(self, cached: CachedModel) -> None:
        """Put a model on the device and prove it there."""
        model = cached.entry.info.id
        del self._cached[model]  # whatever has to leave for it, it is not in the way itself
        try:
            cached.profile = cached.profile or self._choose_profile(cached)
            if cached.on_device:
                self._clear_device(0, cached.size)  # what was told from its files may have been too little
            else:
                self._claim_device(model, cached.size_on_device)
        finally:
            self._cached[model] = cached
        try:
            if not cached.on_device:
                cached.move(self.device.where)
                cached.on_device = True
            for checker in cached.parts.checkers:
                prove_checker(checker)
            cached.model = cached.model or self._make_ready(cached)
        except Exception as error:
            del self._cached[model]
            if isinstance(error, torch.AcceleratorError):
                raise  # not the model's fault
            if isinstance(error, ProofFailed):
                raise ModelUnavailable(model, f"its safety checker cannot be trusted: {error}") from error
            _log.exception("%s cannot be drawn with", model)
            raise ModelUnavailable(model, one_line(error)) from error

    def _choose_profile(self, cached: CachedModel) -> MemorySaving:
        info, vae = cached.entry.info, cached.parts.pipeline.vae
        need = Need(cached.size, decode_bytes(vae, max(size.width * size.height for size in info.sizes)))
        others = sum(each.size_on_device for each in self._cached.values() if each.on_device)
        own = cached.size if cached.on_device else 0
        return choose(info.id, self.device, need, self._free_on_device() + others + own, self._in_ram is not None)

    def _make_ready(self, cached: CachedModel) -> LoadedModel:
        assert cached.profile is not None
        parts, profile, exact = cached.parts, cached.profile, self.device.service == "exact"
        unet, compiled = parts.pipeline.unet, self.device.compiles and not profile.offloads_parts
        profile.apply(parts.pipeline)
        if exact:
            work_in_pairs(unet)
        if profile.offloads_parts:
            cached.turns = ModelOffload(modules_of(parts.pipeline).values(), self.device.where)
        if compiled:
            compile_unet(unet)
        model = LoadedModel(
            pipeline=parts.pipeline,
            gate=SafetyGate(self._floor, *map(TimedDetector, parts.checkers), side=native_side(cached.entry.info)),
            rules=self._rules(cached.entry, unet, profile, compiled),
            exact=exact,
            where=self.device.where,
            wide=WideDecoding(parts.pipeline.vae, cached.entry.info.id),
            inversions=cached.entry.inversions,
            loras=Loras(cached.entry.loras, exact),
            memory=profile.name,
            compiled=compiled,
        )
        if self._warm_up is not None:
            self._warm_up(cached.entry.info, model)
        return model

    def _rules(self, entry: ModelEntry, unet: Any, profile: MemorySaving, compiled: bool) -> RowRules:
        """Return the rules of a UNet. A compiler's kernels are its own, so that of those nothing is kept."""
        exact, file = self.device.service == "exact", self._proof_file
        kept = None
        if file and exact and not compiled:
            kept = KeptProofs.of(file, entry.info.revision, unet, self.device, profile.name)
        most_work = math.inf if self.device.where.type == "cuda" else MOST_WORK
        return RowRules(unet, self.device.rows, exact, compiled, kept, most_work)

    def _claim_device(self, model: str, size: int) -> None:
        """Make room on the device, or raise why there is none. The reserve is not worth a refusal."""
        if self._has_room(size):
            return
        if self._jobs or self.beside_bytes:
            raise NoRoom(model)
        raise ModelUnavailable(model, self._too_little(size))

    def claim_beside(self, size: int) -> str:
        """Make room for an upscaler beside the model of its job, which is held; return why there never is, or "".

        Raises:
            NoRoom: there is none beside what other jobs use.
        """
        if self._has_room(size):
            return ""
        if self._jobs > 1 or self.beside_bytes:
            raise NoRoom("an upscaler")
        return self._too_little(size)

    @property
    def _jobs(self) -> int:
        return sum(each.jobs for each in self._cached.values())

    def _has_room(self, size: int) -> bool:
        return self._clear_device(size) or self._free_on_device(spare=False) >= size

    def _too_little(self, size: int) -> str:
        free = max(0, self._free_on_device(spare=False))
        return f"it takes {size / GB:.1f} GB of memory, and {free / GB:.1f} GB are free"

    def _clear_device(self, size: int, taken: int = 0) -> bool:
        """Evict models from the device, the one used longest ago first, until so many bytes are free, or none may.

        Args:
            size: bytes wanted.
            taken: bytes taken already by a model that is not among the residents.
        """
        while self._free_on_device(taken) < size:
            idle = (name for name, each in self._cached.items() if each.on_device and not each.jobs)
            if (oldest := next(idle, None)) is None:
                self._clean_up()  # a model that failed may still lie about
                return self._free_on_device(taken) >= size
            self._evict_from_device(oldest)
        return True

    def _evict_from_device(self, model: str) -> None:
        more = self._cached[model].size - self._cached[model].size_in_ram
        if self._in_ram is None or not self._clear_ram(more, before=model):
            self._evict(model)
            return
        if (turns := self._cached[model].turns) is not None:
            turns.rest()
        self._cached[model].move(_RAM)
        self._cached[model].on_device = False
        self._clean_up()
        _log.info("%s is evicted from the device and waits in RAM", model)

    def _clear_ram(self, size: int, before: str | None = None) -> bool:
        """Evict models from RAM until so many bytes are free: only those used longer ago than another, if named."""
        assert self._in_ram is not None
        while self._in_ram.free(sum(each.size_in_ram for each in self._cached.values())) < size:
            older = takewhile(lambda name: name != before, self._cached)
            if (oldest := next((name for name in older if not self._cached[name].on_device), None)) is None:
                return False
            self._evict(oldest)
        return True

    def _evict(self, model: str) -> None:
        del self._cached[model]
        self._clean_up()
        _log.info("%s is evicted from memory", model)

    def _clean_up(self) -> None:
        """Give back what nothing refers to any more; a UNet whose layers work in pairs refers to itself."""
        gc.collect()
        if self.device.where.type == "cuda":
            torch.cuda.empty_cache()

    def _free_on_device(self, taken: int = 0, spare: bool = True) -> int:
        cached = [each for each in self._cached.values() if each.on_device]
        taken += sum(each.size_on_device for each in cached) + self.beside_bytes
        return self._on_device.free(taken, spare, sum(each.promised for each in cached))


def native_side(info: ModelInfo) -> int:
    """Return the side of the largest square that the gate looks at as a whole alone: no table makes it larger."""
    largest: int = max(min(size.width, size.height) for size in FAMILIES[info.family].defaults["sizes"])
    return min(info.native_side, largest)
