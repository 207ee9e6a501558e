"""`python -m engine.worker.gate_rates`: print how much of a folder of pictures a model's safety gate holds back."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from PIL import Image, ImageOps
from transformers.utils import logging as transformers_logging

from engine.api import BadInput, Verdict
from engine.catalog import ModelEntry, load_catalog
from engine.command_line import DONE, FAILED
from engine.worker.loading.model_cache import native_side
from engine.worker.loading.pipelines import read_checkers
from engine.worker.runtime.device import Device, open_device
from engine.worker.safety import Identify, ProofFailed, SafetyGate, TimedDetector, identify, load_floor, prove_checker
from engine.worker.sampling.init_images import decode_input

RATIOS = {"3:2": (3, 2), "2:3": (2, 3), "16:9": (16, 9), "4:1": (4, 1)}
PLACES = {"left or top": 0.0, "middle": 0.5, "right or bottom": 1.0}
_CANVAS = (128, 128, 128)


def main() -> int:
    """Judge the pictures that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m engine.worker.gate_rates", description=__doc__)
    parser.add_argument("model", help="an id of the catalogue")
    parser.add_argument("folder", type=Path, help="of pictures")
    parser.add_argument("--models-file", type=Path, required=True, help="the model catalogue")
    parser.add_argument("--models-dir", type=Path, required=True, help="folder of pulled models")
    parser.add_argument("--device", default="cpu", help="torch device")
    given = parser.parse_args()
    entry = load_catalog(given.models_file, given.models_dir).get(given.model)
    if entry is None:
        parser.error(f"there is no model {given.model!r}")
    transformers_logging.disable_progress_bar()
    logging.getLogger("engine.worker.safety").setLevel(logging.ERROR)  # it would tell of each picture held back
    pictures = _pictures(given.folder)
    first = next(pictures, None)
    if first is None:
        print(f"There is no PNG, JPEG or WebP picture in {given.folder}.", file=sys.stderr)
        return FAILED
    try:
        gate = load_gate(entry, open_device(given.device, os.cpu_count() or 1))
    except ProofFailed as error:
        print(f"{entry.info.id}: its safety checker cannot be trusted: {error}.", file=sys.stderr)
        return FAILED
    for line in report(gate, entry, chain([first], pictures)):
        print(line, flush=True)
    return DONE


def load_gate(entry: ModelEntry, device: Device, identify: Identify = identify) -> SafetyGate:
    """Return a model's gate, proven, without the rest of the model.

    Args:
        entry: the model.
        device: where its checkers run.
        identify: tells what its own safety checker has to be.

    Raises:
        ProofFailed: a detector cannot be trusted.
    """
    checkers = list(read_checkers(entry, device, identify))
    for checker in checkers:
        prove_checker(checker)
    return SafetyGate(TimedDetector(load_floor()), *map(TimedDetector, checkers), side=native_side(entry.info))


def report(gate: SafetyGate, entry: ModelEntry, pictures: Iterable[Image.Image]) -> Iterator[str]:
    """Yield lines: what is held back as it is, and how much of what is blocked still is in a part of a larger picture.

    Args:
        gate: the model's.
        entry: the model.
        pictures: RGB, of any size; one at least.
    """
    side = native_side(entry.info)
    by: Counter[str] = Counter()
    blocked: list[Image.Image] = []
    started = time.perf_counter()
    for picture in pictures:
        review = gate.judge(picture)
        by[review.reason.partition(":")[0]] += 1
        if review.verdict is Verdict.BLOCK:
            blocked.append(ImageOps.contain(picture, (side, side)))
    seconds, count, passed = time.perf_counter() - started, by.total(), by.pop("", 0)
    yield f"pictures that {entry.info.id}'s gate judged: {count}"
    names = "".join(f"; {name} {number}" for name, number in sorted(by.items()))
    yield f"  held back: {count - passed} ({(count - passed) / count:.1%}){names}"
    yield f"  {1000 * seconds / count:.0f} ms a picture"
    if blocked:
        yield f"  of the {len(blocked)} that are blocked, still blocked where they fill a grey canvas's shorter side:"
        for name, ratio in RATIOS.items():
            rates = [f"{place} {_share(gate, blocked, ratio, side, at):.1%}" for place, at in PLACES.items()]
            yield f"    {name}: {', '.join(rates)}"


def _share(gate: SafetyGate, pictures: Sequence[Image.Image], ratio: tuple[int, int], side: int, at: float) -> float:
    pasted = (_pasted(picture, ratio, side, at) for picture in pictures)
    return sum(gate.judge(picture).verdict is Verdict.BLOCK for picture in pasted) / len(pictures)


def _pasted(picture: Image.Image, ratio: tuple[int, int], side: int, at: float) -> Image.Image:
    """Return a canvas with a picture in a square of its shorter side, at a share of the way along the longer one."""
    width, height = (round(side * part / min(ratio)) for part in ratio)
    canvas = Image.new("RGB", (width, height), _CANVAS)
    left, top = round((width - side) * at), round((height - side) * at)
    canvas.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))
    return canvas


def _pictures(folder: Path) -> Iterator[Image.Image]:
    for file in sorted(each for each in folder.iterdir() if each.is_file()):
        try:
            yield decode_input(file.read_bytes())
        except (BadInput, OSError) as error:
            reason = error.sentence() if isinstance(error, BadInput) else f"It cannot be read ({error.strerror})."
            print(f"{file.name} is left out. {reason}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
