"""What the command `models` does with LoRAs and textual inversions."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, TextIO

from engine.api import MAX_LORA_WEIGHT, Lora
from engine.catalog import ADDON_KINDS, FAMILIES, LORAS, AddOn, Source
from engine.catalog.additions import write_entry
from engine.catalog.addon_inspection import AddOnContents, check_addon
from engine.catalog.checkpoint_inspection import ContentsError
from engine.command_line import DONE, FAILED
from engine.hub import ADDON, check, is_here, licence_of
from engine.models_command.errors import ModelsError
from engine.models_command.transfer import bring
from engine.settings import EngineSettings

UNKNOWN_LICENCE = "unknown: ask its author before you share pictures"


def addon_line(addon: AddOn) -> str:
    """Return what `models list` says of an add-on."""
    kind = "LoRA" if addon.kind == LORAS else f"textual inversion, {_word(addon)}"
    parts = [f"{addon.name}: {addon.title}, a {kind}, for {FAMILIES[addon.family].title}.", addon.description]
    if isinstance(addon.meaning, Lora):
        if addon.meaning.trigger_words:
            parts.append(f"Trigger words: {', '.join(addon.meaning.trigger_words)}.")
        parts.append(f"Weight: {addon.meaning.weight:g}.")
    parts.append(f"Licence: {addon.licence}.")
    if not is_here(addon.source, ADDON):
        parts.append(f"Not here yet: easel models pull {shlex.quote(addon.name)}")
    return " ".join(part for part in parts if part)


def pull_addon(addon: AddOn, as_json: bool, out: TextIO, err: TextIO) -> None:
    """Bring an add-on's file here.

    Raises:
        ModelsError: it cannot be had, or is not what its table says.
    """
    if is_here(addon.source, ADDON):
        print(f"{addon.name}: its file is here already.", file=out)
        return
    bring(addon.name, [(addon.source, ADDON)], as_json, out, err)
    _contents(addon)
    if not as_json:
        print(f"{addon.name}: here, and verified.", file=out)


def check_again(addon: AddOn) -> str:
    """Hash an add-on's file again; return a sentence of what it is.

    Raises:
        HubError, ModelsError: it is damaged, or not what its table says.
    """
    if addon.source.hub is not None:
        check(addon.source, ADDON)
    size = _contents(addon)
    kind = ADDON_KINDS[addon.kind]
    return f"a {kind} for {FAMILIES[addon.family].title}, {size / 1e6:.1f} MB, as it should be."


def add_addon(
    id: str,
    found: AddOnContents,
    source: Source,
    table: dict[str, Any],
    options: argparse.Namespace,
    settings: EngineSettings,
    out: TextIO,
) -> int:
    """Add a file that is here to the catalogue of this machine, and return the exit code.

    Args:
        id: its name, new.
        found: what the file is.
        source: where it is.
        table: the source as the catalogue writes it.
        options: as parsed.
        settings: where the catalogue is.
        out: gets what came of it.

    Raises:
        CatalogError, ModelsError: it cannot be added.
    """
    kind = ADDON_KINDS[found.kind]
    family = _family(found, options)
    values: dict[str, Any] = {
        "title": options.title or id,
        "family": family,
        "licence": options.licence or licence_of(source, ADDON) or UNKNOWN_LICENCE,
        "description": options.description,
        "source": table,
    }
    word = Path(str(source.file)).stem
    if found.kind == LORAS:
        values |= {"trigger_words": options.trigger or [], "weight": _weight(options)}
    elif word.lower() != id:
        values["word"] = word
    if options.prediction_type or (found.kind != LORAS and (options.trigger or options.weight is not None)):
        raise ModelsError(f"{options.source} is a {kind}, and one of these options is not for it: see --help.")
    file = write_entry(id, values, settings.models_dir, found.kind)
    how = f"members write <lora:{id}>" if found.kind == LORAS else f"members write {values.get('word', id)}"
    print(f"{id}: added to {file} as a {kind} for {FAMILIES[family].title}; {how}.", file=out)
    return DONE


def _family(found: AddOnContents, options: argparse.Namespace) -> str:
    told: str | None = options.family
    if found.family is None:
        if told is None:
            raise ModelsError(f"{options.source} does not say what models it is for. Say it with --family.", FAILED)
        return told
    if told not in (None, found.family.id):
        raise ModelsError(f"{options.source} is for {found.family.title}, family {found.family.id}, not {told}.")
    return found.family.id


def _weight(options: argparse.Namespace) -> float:
    weight: float = 1.0 if options.weight is None else options.weight
    if not abs(weight) <= MAX_LORA_WEIGHT:
        raise ModelsError(f"--weight must be between {-MAX_LORA_WEIGHT:g} and {MAX_LORA_WEIGHT:g}, not {weight:g}.")
    return weight


def _contents(addon: AddOn) -> int:
    try:
        return check_addon(addon.file, addon.kind, addon.family)
    except ContentsError as error:
        raise ModelsError(f"{addon.name}: {error}.", FAILED) from error


def _word(addon: AddOn) -> str:
    return f"the word {addon.meaning.word}" if not isinstance(addon.meaning, Lora) else ""
