"""A model larger than its card: its parts take turns there, and wait in RAM."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from engine.worker.loading.weights import copied, copy_to, tensors_of

_ENTRIES = ("forward", "decode", "encode")
"""What of a part is called from outside: a VAE has methods of its own for what it does."""


class ModelOffload:
    """Brings a part to the device when it is called, and takes the one before away.

    The step thread and a service thread call parts of the same model; a lock lets one finish before the other's part
    comes. Hooks that know only which part comes after which would take a text encoder away from under the service
    thread. A part's tensors in RAM stay there, so that taking it away copies nothing.

    Args:
        parts: in RAM; only these instances' methods are wrapped.
        where: the device.
    """

    def __init__(self, parts: Iterable[Module], where: torch.device) -> None:
        self._where = where
        self._lock = threading.RLock()  # a VAE's forward calls its decode
        self._present: Module | None = None
        self._resting: dict[Tensor, Tensor] = {}
        for part in parts:
            for tensor in tensors_of(part):
                self._resting[tensor] = tensor.data = _pinned(tensor.data) if where.type == "cuda" else tensor.data
            for name in _ENTRIES:
                if (method := getattr(part, name, None)) is not None:
                    setattr(part, name, partial(self._call, part, method))

    @property
    def present(self) -> Module | None:
        """The part that is on the device."""
        return self._present

    def rest(self) -> None:
        """Take away the part that is on the device."""
        with self._lock:
            self._enter(None)

    def _call(self, part: Module, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with self._lock:
            self._enter(part)
            return method(*_on(arguments, self._where), **_on(options, self._where))

    def _enter(self, part: Module | None) -> None:
        if self._present is part:
            return
        for tensor in tensors_of(self._present) if self._present is not None else ():
            resting = self._resting.get(tensor)
            tensor.data = copied(tensor.data, torch.device("cpu")) if resting is None else resting
        self._present = part
        if part is None:
            return
        try:
            copy_to([part], self._where)
        except BaseException:
            self._enter(None)
            raise


def _pinned(tensor: Tensor) -> Tensor:
    """Return the tensor in memory that a card can read by itself."""
    return torch.empty_like(tensor, pin_memory=True).copy_(tensor)


def _on(value: Any, where: torch.device) -> Any:
    """Return a value with all its tensors on a device."""
    match value:
        case Tensor():
            return value.to(where)
        case dict():
            return {key: _on(each, where) for key, each in value.items()}
        case tuple() | list():
            return type(value)(_on(each, where) for each in value)
    return value
