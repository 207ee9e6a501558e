"""The command `models`: list, pull, check, add, merge and score what can be drawn with, and its safety gates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from engine.catalog import FAMILIES, AddOn, ModelEntry, Source, load_catalog
from engine.catalog.additions import write_entry
from engine.catalog.addon_inspection import inspect_addon
from engine.catalog.checkpoint_inspection import Contents, ContentsError, check_family, inspect
from engine.catalog.sources import SourceError, read_source
from engine.command_line import DONE, FAILED
from engine.hub import ADDON, PIPELINE, SAFETY_CHECKER, HubError, check, is_here, licence_of, missing, sources_of
from engine.models_command.addons import UNKNOWN_LICENCE, add_addon, addon_line, check_again, pull_addon
from engine.models_command.errors import ModelsError, check_new_id
from engine.models_command.gate import add_gate_command, gate
from engine.models_command.merge import add_merge_command, merge
from engine.models_command.score import add_score_command, score
from engine.models_command.transfer import bring
from engine.models_command.upscalers import check_upscaler, upscaler_line
from engine.settings import EngineSettings


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give a parser the commands under `models`."""
    commands = parser.add_subparsers(dest="models_command", metavar="COMMAND")
    commands.add_parser("list", help="list the models (also without a command)")
    one = commands.add_parser("pull", help="bring files from the model hub, or go on where that broke off")
    one.add_argument("ids", nargs="+", metavar="ID", help="a model, LoRA or textual inversion of the catalogue")
    one.add_argument("--json", action="store_true", help="print how far it is as JSON, a line each half second")
    one = commands.add_parser("check", help="look at the files that are here, and hash them again")
    one.add_argument("ids", nargs="*", metavar="ID", help="as for pull; all that are here if not given")
    one = commands.add_parser("add", help="add a model, a LoRA or a textual inversion, and pull it if it is on the hub")
    one.add_argument("source", metavar="SOURCE", help="a .safetensors file, a folder, or OWNER/NAME on the model hub")
    one.add_argument("--name", metavar="ID", help="its id; made from the source's name if not given")
    one.add_argument("--title", help="its name as members read it")
    one.add_argument("--description", default="", help="what it draws well, one line")
    one.add_argument("--licence", help="of its weights; what the hub says if not given")
    one.add_argument("--trigger", action="append", metavar="WORDS", help="words that bring out its style; repeatable")
    one.add_argument("--weight", type=float, help="of a LoRA where a prompt gives none; 1 if not given")
    one.add_argument("--family", choices=tuple(FAMILIES), help="of a LoRA or textual inversion that does not say it")
    one.add_argument("--prediction-type", choices=("epsilon", "v_prediction"), help="if its files do not say it right")
    one.add_argument("--revision", help="commit, tag or branch on the hub")
    one.add_argument("--file", metavar="NAME", help="a .safetensors file of the repository, instead of its folders")
    one.add_argument("--variant", metavar="WORD", help='of the weights, e.g. "fp16"')
    add_merge_command(commands)
    add_score_command(commands)
    add_gate_command(commands)


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
        case "gate":
            return gate(options, settings)
    catalog = load_catalog(settings.models_file, settings.models_dir)
    lines = [*map(_line, catalog.entries), *map(addon_line, catalog.addons), *map(upscaler_line, catalog.upscalers)]
    for line in lines:
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


def _named(ids: Sequence[str], settings: EngineSettings) -> list[ModelEntry | AddOn]:
    """Return what is called so: a model, a LoRA, a textual inversion, or more than one of them."""
    catalog = load_catalog(settings.models_file, settings.models_dir)
    found: list[ModelEntry | AddOn] = []
    for id in ids:
        models = [entry for entry in catalog.entries if entry.info.id == id]
        addons = [addon for addon in catalog.addons if addon.name == id]
        if not models and not addons:
            known = ", ".join(info.id for info in catalog.infos())
            others = "".join(f", {addon.name}" for addon in catalog.addons)
            raise ModelsError(f"There is no model called {id!r}. Known models: {known}{others}.")
        found += [*models, *addons]
    return found


def _pull(options: argparse.Namespace, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    for entry in _named(options.ids, settings):
        if isinstance(entry, AddOn):
            pull_addon(entry, options.json, out, err)
            continue
        sources = missing(sources_of(entry))
        if not sources:
            print(f"{entry.info.id}: its files are here already.", file=out)
            continue
        bring(entry.info.id, sources, options.json, out, err)
        _check_contents(entry)
        if not options.json:
            print(f"{entry.info.id}: here, and verified.", file=out)
    return DONE


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
    upscalers = [entry.upscaler.name for entry in load_catalog(settings.models_file, settings.models_dir).upscalers]
    named = _named([id for id in ids if id not in upscalers], settings)
    code = DONE
    for entry in named if ids else _here(settings):
        name = entry.name if isinstance(entry, AddOn) else entry.info.id
        try:
            sentence = check_again(entry) if isinstance(entry, AddOn) else _check_model(entry)
        except (HubError, ModelsError) as error:
            sentence, code = str(error).removeprefix(f"{name}: "), FAILED
        print(f"{name}: {sentence}", file=out)
    return code


def _here(settings: EngineSettings) -> list[ModelEntry | AddOn]:
    catalog = load_catalog(settings.models_file, settings.models_dir)
    models = [entry for entry in catalog.entries if not missing(sources_of(entry))]
    return [*models, *(addon for addon in catalog.addons if is_here(addon.source, ADDON))]


def _check_model(entry: ModelEntry) -> str:
    for source, part in sources_of(entry):
        if source.hub is not None:
            check(source, part)
    size = _check_contents(entry)
    return f"{FAMILIES[entry.info.family].title}, {size / 1e9:.1f} GB of weights, as it should be."


def _add(options: argparse.Namespace, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    table = _source_table(options)
    id = options.name or _id_from(options.file or options.source)
    check_new_id(id, load_catalog(settings.models_file, settings.models_dir))
    try:
        source = read_source(table, Path.cwd(), settings.models_dir)
        if source.hub is not None:
            bring(id, missing([(source, PIPELINE)]), False, out, err)
        addon = inspect_addon(source.folder / source.file) if source.file else None
        if addon is not None:
            return add_addon(id, addon, source, table, options, settings, out)
        return _add_model(id, inspect(source), source, table, options, settings, out)
    except SourceError as error:
        raise ModelsError(f"{options.source} cannot be added: its source {error}.") from error
    except ContentsError as error:
        raise ModelsError(f"{options.source} cannot be added: {error}.", FAILED) from error


def _add_model(
    id: str,
    found: Contents,
    source: Source,
    table: dict[str, Any],
    options: argparse.Namespace,
    settings: EngineSettings,
    out: TextIO,
) -> int:
    if options.weight is not None or options.family:
        raise ModelsError(f"{options.source} is a model, and --weight and --family are for LoRAs: leave them out.")
    values: dict[str, Any] = {
        "title": options.title or id,
        "family": found.family.id,
        "licence": options.licence or licence_of(source, PIPELINE) or UNKNOWN_LICENCE,
        "description": options.description,
        "source": table,
    }
    if options.trigger:
        values["trigger_words"] = options.trigger
    if options.prediction_type:
        values["prediction_type"] = options.prediction_type
    file = write_entry(id, values, settings.models_dir)
    print(f"{id}: added to {file} as {found.family.title}.", file=out)
    entry = load_catalog(settings.models_file, settings.models_dir).get(id)
    if entry is not None and not is_here(entry.safety_checker, SAFETY_CHECKER):
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
