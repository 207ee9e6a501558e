"""The command `models merge`: judge what is asked, have a process with torch do it, and add the result."""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

from engine.catalog import Catalog, Source, load_catalog
from engine.catalog.additions import write_entry
from engine.catalog.checkpoint_inspection import ContentsError, inspect
from engine.catalog.sources import SourceError, read_source
from engine.children import child_environment
from engine.command_line import DONE, FAILED
from engine.hub import PIPELINE, is_here
from engine.models_command.errors import ModelsError, check_new_id
from engine.settings import EngineSettings

METHODS = ("weighted", "slerp", "difference")
_COMMAND = (sys.executable, "-m", "engine.worker.merge")
_ENVIRONMENT = {"DIFFUSERS_VERBOSITY": "error", "TRANSFORMERS_VERBOSITY": "error", "OMP_WAIT_POLICY": "PASSIVE"}
_KEPT = ("negative_prompt", "steps", "guidance_scale", "scheduler", "clip_skip", "max_clip_skip", "addon_family")
_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class _Parent:
    """A model that takes part.

    Args:
        name: as it was given.
        source: its files.
        family: of its files.
        prediction_type: what its UNet predicts.
        values: of its entry in the catalogue; empty for a file or folder that has none.
    """

    name: str
    source: Source
    family: str
    prediction_type: str | None
    values: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """Return what is kept of it beside the result."""
        kept = {key: self.values.get(key, "") for key in ("title", "licence", "restrictions", "revision")}
        where = self.source.hub or str(self.source.folder / (self.source.file or ""))
        return {**kept, "source": where}


def add_merge_command(commands: Any) -> None:
    """Give `models` the command `merge`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "merge", help="make one model of two", description="Make one model of two of the same family."
    )
    known = "a model of the catalogue, a .safetensors file or a folder"
    parser.add_argument("first", metavar="A", help=known)
    parser.add_argument("second", metavar="B", help=known)
    parser.add_argument("--alpha", type=float, default=0.5, help="how much of B: 0 is A, 1 is B; 0.5 if not given")
    about = "a straight line between them, an arc that keeps lengths, or A and what B learnt since --base"
    parser.add_argument("--method", choices=METHODS, default="weighted", help=about)
    parser.add_argument("--base", metavar="C", help="what B was made from, for --method difference")
    parser.add_argument("--name", required=True, metavar="ID", help="id of the result")


def merge(options: argparse.Namespace, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    """Merge, and add the result to the catalogue of this machine.

    Args:
        options: as parsed.
        settings: where the catalogue is.
        out: gets what came of it.
        err: gets the progress bar, if it is a terminal.

    Raises:
        CatalogError, ModelsError: it cannot be done; nothing was written.
    """
    catalog = load_catalog(settings.models_file, settings.models_dir)
    check_new_id(options.name, catalog)
    if not 0.0 <= options.alpha <= 1.0:
        raise ModelsError(f"--alpha must be between 0 and 1, not {options.alpha:g}.")
    if (options.method == "difference") != (options.base is not None):
        raise ModelsError("--method difference and --base belong together: what did B come from?")
    names = [options.first, options.second, *([options.base] if options.base else [])]
    parents = [_parent(name, catalog, settings) for name in names]
    _check_alike(parents)
    into = settings.models_dir / options.name
    if into.exists():
        raise ModelsError(f"{into} is there already. Choose another name with --name.")
    done = _have_merged(options, parents, into, err)
    file = write_entry(options.name, _values(options, parents), settings.models_dir)
    size, peak = done["size"] / 1e9, done["peak_bytes"] / 1e9
    print(f"{options.name}: {size:.1f} GB of weights, added to {file}. Peak memory: {peak:.1f} GB.", file=out)
    return DONE


def _parent(name: str, catalog: Catalog, settings: EngineSettings) -> _Parent:
    entry = catalog.get(name)
    values: dict[str, Any] = {}
    try:
        if entry is not None:
            source, values = entry.source, asdict(entry.info)
            if not is_here(source, PIPELINE):
                raise ModelsError(f"The files of {name} are not here yet: easel models pull {name}")
        else:
            source = _named_source(name, catalog, settings)
        found = inspect(source)
    except (ContentsError, SourceError) as error:
        raise ModelsError(f"{name} cannot be merged: {error}.") from error
    prediction = (entry.prediction_type if entry else None) or found.prediction_type
    return _Parent(name, source, found.family.id, prediction, values)


def _named_source(name: str, catalog: Catalog, settings: EngineSettings) -> Source:
    path = Path(name).expanduser()
    if path.is_dir():
        return read_source({"folder": str(path)}, Path.cwd(), settings.models_dir)
    if path.suffix in _SUFFIXES:
        return read_source({"file": str(path)}, Path.cwd(), settings.models_dir)
    known = ", ".join(info.id for info in catalog.infos())
    raise ModelsError(f"There is no model called {name!r}, and no such file. Known models: {known}.")


def _check_alike(parents: list[_Parent]) -> None:
    first = parents[0]
    for other in parents[1:]:
        if other.family != first.family:
            raise ModelsError(
                f"{first.name} is of the family {first.family} and {other.name} of {other.family}: "
                "only models of one family can be merged."
            )
        if (
            None not in (first.prediction_type, other.prediction_type)
            and other.prediction_type != first.prediction_type
        ):
            raise ModelsError(
                f"{first.name} predicts {first.prediction_type} and {other.name} {other.prediction_type}: "
                "what lies between them predicts neither."
            )


def _have_merged(options: argparse.Namespace, parents: list[_Parent], into: Path, err: TextIO) -> dict[str, Any]:
    order = {
        "family": parents[0].family,
        "method": options.method,
        "alpha": options.alpha,
        "parents": [{"name": each.name, "source": _plain(each.source), "record": each.record()} for each in parents],
        "into": str(into),
    }
    line: dict[str, Any] = {}
    with (
        TemporaryFile() as said,
        subprocess.Popen(
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=child_environment(**_ENVIRONMENT)
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
        with tqdm(desc=options.name, unit="B", unit_scale=True, leave=False, file=err, disable=not err.isatty()) as bar:
            for raw in process.stdout:
                line = json.loads(raw)
                bar.total = line.get("total", bar.total)
                bar.update(line.get("done", bar.n) - bar.n)
        process.wait()
        said.seek(0)
        words = said.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        reason = words[-1].rstrip(".") if words else f"the process ended with {process.returncode}"
        raise ModelsError(f"{parents[0].name} and {parents[1].name}: {reason}.", FAILED)
    return line


def _plain(source: Source) -> dict[str, Any]:
    values = {**asdict(source), "folder": str(source.folder)}
    return values | {"config": str(source.config) if source.config else None}


def _values(options: argparse.Namespace, parents: list[_Parent]) -> dict[str, Any]:
    """Return the table of the result: settings of the first parent, terms and trigger words of all."""
    first, second = parents[:2]
    recipe = json.dumps([[each.record() for each in parents], options.method, options.alpha], sort_keys=True)
    values: dict[str, Any] = {
        "title": options.name,
        "family": first.family,
        "revision": hashlib.sha256(recipe.encode()).hexdigest()[:_DIGITS],
        "licence": _all_of("licence", parents) or "unknown: ask the authors of its parents before you share pictures",
        "restrictions": _all_of("restrictions", parents),
        "description": f"{options.alpha:g} of the way from {first.name} to {second.name}.",
        "source": {"folder": options.name},
        "trigger_words": list(dict.fromkeys(word for each in parents for word in each.values.get("trigger_words", ()))),
    }
    if options.method == "difference":
        values["description"] = (
            f"{first.name} and {options.alpha:g} of what {second.name} learnt since {parents[2].name}."
        )
    if first.prediction_type:
        values["prediction_type"] = first.prediction_type
    if first.values:
        values["sizes"] = [dict(size) for size in first.values["sizes"]]
        values |= {key: first.values[key] for key in (*_KEPT, *_RANGES)}
    return values


_RANGES = ("size_step", "min_side", "max_side", "min_steps", "max_steps", "min_guidance", "max_guidance", "vram_gb")


def _all_of(key: str, parents: list[_Parent]) -> str:
    return "; ".join(dict.fromkeys(str(each.values[key]) for each in parents if each.values.get(key)))
