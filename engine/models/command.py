"""The command `models`: list, pull, check, add, merge and score what can be drawn with."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

from engine.catalog import FAMILIES, ModelEntry, Source, load_catalog
from engine.catalog.additions import write_entry
from engine.catalog.contents import ContentsError, check_family, inspect
from engine.catalog.sources import SourceError, read_source
from engine.hub import (
    PIPELINE,
    SAFETY_CHECKER,
    HubError,
    Progress,
    check,
    is_here,
    licence_of,
    missing,
    pull,
    sources_of,
)
from engine.models.errors import DONE, FAILED, ModelsError, check_new_id
from engine.models.merge import add_merge_command, merge
from engine.models.score import add_score_command, score
from engine.models.upscalers import check_upscaler, upscaler_line
from engine.settings import EngineSettings

TOLD_EVERY_S = 0.5
_UNKNOWN_LICENCE = "unknown: ask its author before you share pictures"


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give a parser the commands under `models`."""
    commands = parser.add_subparsers(dest="models_command", metavar="COMMAND")
    commands.add_parser("list", help="list the models (also without a command)")
    one = commands.add_parser("pull", help="bring models from the model hub, or go on where that broke off")
    one.add_argument("ids", nargs="+", metavar="ID", help="a model of the catalogue")
    one.add_argument("--json", action="store_true", help="print how far it is as JSON, a line each half second")
    one = commands.add_parser("check", help="look at the files of models that are here, and hash them again")
    one.add_argument("ids", nargs="*", metavar="ID", help="a model of the catalogue; all that are here if not given")
    one = commands.add_parser("add", help="add a model to the catalogue, and pull it if it is on the hub")
    one.add_argument("source", metavar="SOURCE", help="a .safetensors file, a folder, or OWNER/NAME on the model hub")
    one.add_argument("--name", metavar="ID", help="its id; made from the source's name if not given")
    one.add_argument("--title", help="its name as members read it")
    one.add_argument("--description", default="", help="what it draws well, one line")
    one.add_argument("--licence", help="of its weights; what the hub says if not given")
    one.add_argument("--trigger", action="append", metavar="WORDS", help="words that bring out its style; repeatable")
    one.add_argument("--prediction-type", choices=("epsilon", "v_prediction"), help="if its files do not say it right")
    one.add_argument("--revision", help="commit, tag or branch on the hub")
    one.add_argument("--file", metavar="NAME", help="a .safetensors file of the repository, instead of its folders")
    one.add_argument("--variant", metavar="WORD", help='of the weights, e.g. "fp16"')
    add_merge_command(commands)
    add_score_command(commands)


def run(options: argparse.Namespace, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    """Run one of the commands, and return the exit code.

    Args:
        options: as parsed.
        settings: where the catalogue is.
        out: gets what was asked for.
        err: gets the progress bar, if it is a terminal.

    Raises:
        CatalogError, ModelsError: it cannot be done.
    """
    match options.models_command:
        case "pull":
            return _pull(options, settings, out, err)
        case "check":
            return max(_check_upscalers(options.ids, settings, out), _check(options.ids, settings, out))
        case "add":
            return _add(options, settings, out, err)
        case "merge":
            return merge(options, settings, out, err)
        case "score":
            return score(options)
    catalog = load_catalog(settings.models_file, settings.models_dir)
    for line in [*map(_line, catalog.entries), *map(upscaler_line, catalog.upscalers)]:
        print(line, file=out)
    return DONE


def _line(entry: ModelEntry) -> str:
    info = entry.info
    sizes = ", ".join(f"{size.name} {size}" for size in info.sizes)
    parts = [f"{info.id}: {info.title}.", info.description, f"Sizes: {sizes}."]
    if info.trigger_words:
        parts.append(f"Trigger words: {', '.join(info.trigger_words)}.")
    parts.append(f"Licence: {info.licence}. {info.restrictions}".strip())
    if missing(sources_of(entry)):
        parts.append(f"Not here yet: easel models pull {info.id}")
    return " ".join(part for part in parts if part)


def _entries(ids: Sequence[str], settings: EngineSettings) -> list[ModelEntry]:
    catalog = load_catalog(settings.models_file, settings.models_dir)
    found = []
    for id in ids:
        entry = catalog.get(id)
        if entry is None:
            known = ", ".join(info.id for info in catalog.infos())
            raise ModelsError(f"There is no model called {id!r}. Known models: {known}.")
        found.append(entry)
    return found


def _pull(options: argparse.Namespace, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    for entry in _entries(options.ids, settings):
        sources = missing(sources_of(entry))
        if not sources:
            print(f"{entry.info.id}: its files are here already.", file=out)
            continue
        _bring(entry.info.id, sources, options.json, out, err)
        _check_contents(entry)
        if not options.json:
            print(f"{entry.info.id}: here, and verified.", file=out)
    return DONE


def _bring(name: str, sources: Sequence[tuple[Source, str]], as_json: bool, out: TextIO, err: TextIO) -> None:
    quiet = as_json or not err.isatty()
    with tqdm(desc=name, total=0, unit="B", unit_scale=True, leave=False, file=err, disable=quiet) as bar:
        told_at = 0.0

        def watch(progress: Progress) -> None:
            nonlocal told_at
            bar.total = progress.total
            bar.update(progress.done - bar.n)
            if as_json and (time.monotonic() - told_at >= TOLD_EVERY_S or progress.done == progress.total):
                told_at = time.monotonic()
                line = {"model": name, "done": progress.done, "total": progress.total}
                print(json.dumps(line), file=out, flush=True)

        try:
            pull(sources, watch)
        except HubError as error:
            raise ModelsError(f"{name}: {error}", FAILED) from error


def _check_contents(entry: ModelEntry) -> int:
    try:
        found = inspect(entry.source)
        check_family(found, entry.info.family)
    except ContentsError as error:
        raise ModelsError(f"{entry.info.id}: {error}.", FAILED) from error
    return found.size


def _check_upscalers(ids: Sequence[str], settings: EngineSettings, out: TextIO) -> int:
    code = DONE
    for entry in load_catalog(settings.models_file, settings.models_dir).upscalers:
        if ids and entry.upscaler.name not in ids:
            continue
        try:
            print(check_upscaler(entry), file=out)
        except ModelsError as error:
            print(error, file=out)
            code = FAILED
    return code


def _check(ids: Sequence[str], settings: EngineSettings, out: TextIO) -> int:
    catalog = load_catalog(settings.models_file, settings.models_dir)
    upscalers = [entry.upscaler.name for entry in catalog.upscalers]
    entries = _entries([id for id in ids if id not in upscalers], settings)
    if not ids:
        entries = [entry for entry in catalog.entries if not missing(sources_of(entry))]
    code = DONE
    for entry in entries:
        try:
            for source, part in sources_of(entry):
                if source.hub is not None:
                    check(source, part)
            size = _check_contents(entry)
        except (HubError, ModelsError) as error:
            sentence = str(error).removeprefix(f"{entry.info.id}: ")
            print(f"{entry.info.id}: {sentence}", file=out)
            code = FAILED
        else:
            family = FAMILIES[entry.info.family].title
            print(f"{entry.info.id}: {family}, {size / 1e9:.1f} GB of weights, as it should be.", file=out)
    return code


def _add(options: argparse.Namespace, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    table = _source_table(options)
    id = options.name or _id_from(options.file or options.source)
    check_new_id(id, load_catalog(settings.models_file, settings.models_dir))
    try:
        source = read_source(table, Path.cwd(), settings.models_dir)
        if source.hub is not None:
            _bring(id, missing([(source, PIPELINE)]), False, out, err)
        found = inspect(source)
    except SourceError as error:
        raise ModelsError(f"{options.source} cannot be added: its source {error}.") from error
    except ContentsError as error:
        raise ModelsError(f"{options.source} cannot be added: {error}.", FAILED) from error
    values: dict[str, Any] = {
        "title": options.title or id,
        "family": found.family.id,
        "licence": options.licence or licence_of(source, PIPELINE) or _UNKNOWN_LICENCE,
        "description": options.description,
        "source": table,
    }
    if options.trigger:
        values["trigger_words"] = options.trigger
    if options.prediction_type:
        values["prediction_type"] = options.prediction_type
    file = write_entry(id, values, settings.models_dir)
    print(f"{id}: added to {file} as {found.family.title}.", file=out)
    (entry,) = _entries([id], settings)
    if not is_here(entry.safety_checker, SAFETY_CHECKER):
        print(f"Its safety checker is not here yet: easel models pull {id}", file=out)
    return DONE


def _source_table(options: argparse.Namespace) -> dict[str, Any]:
    path = Path(options.source).expanduser()
    if path.is_dir():
        table = {"folder": str(path.absolute()), "variant": options.variant}
    elif path.exists() or path.suffix in (".safetensors", ".ckpt", ".pt", ".pth", ".bin"):
        table = {"file": str(path.absolute())}
    else:
        table = {"hub": options.source, "revision": options.revision, "file": options.file, "variant": options.variant}
    return {key: value for key, value in table.items() if value is not None}


def _id_from(source: str) -> str:
    stem = Path(source).name.removesuffix(".safetensors").lower()
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in stem)
