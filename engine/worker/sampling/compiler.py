"""torch.compile for UNets: fewer, larger kernels, made anew for every number of rows and size of picture."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch._dynamo

MOST_SHAPES = 128
"""Numbers of rows times sizes that are compiled; others work as if nothing were."""


class CompilerMissing(Exception):
    """Nothing can be compiled on this machine; `str()` is a sentence that says what to do."""


def check_compiler(device_type: str, environment: Mapping[str, str]) -> None:
    """Raise unless torch will find what it compiles with.

    Args:
        device_type: "cpu" or "cuda".
        environment: its CXX and CC name the compilers, and its PATH says where they are.

    Raises:
        CompilerMissing: it will not.
    """
    path = environment.get("PATH", "")
    if device_type == "cuda":
        compiler, package = environment.get("CC", "gcc"), "a C compiler such as gcc"
        if importlib.util.find_spec("triton") is None:
            raise CompilerMissing(_sentence("the package triton, which torch compiles for cards with,"))
    else:
        compiler = environment.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
        package = "a C++ compiler such as g++"
    if shutil.which(compiler, path=path) is None:
        raise CompilerMissing(_sentence(f"{package} ({compiler!r} in this environment)"))


def compile_unet(unet: Any, backend: str | Callable[..., Any] = "inductor") -> None:
    """Have a loaded UNet compiled when it is called with a new shape; it stays what and where it is.

    Args:
        unet: only this instance changes.
        backend: of torch.compile.
    """
    torch._dynamo.config.recompile_limit = MOST_SHAPES
    unet.compile(dynamic=False, backend=backend)


def _sentence(missing: str) -> str:
    return f"[engine] compile is on, and {missing} was not found. Install it, or set compile = false."
