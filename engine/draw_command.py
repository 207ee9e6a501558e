"""Draw from the command line: the same engine, prompt floor and gate as the bot's, and files instead of messages."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

from engine.api import (
    FITS,
    MAX_IMAGES,
    MAX_INPUT_BYTES,
    MAX_SEED,
    BadInput,
    EngineClient,
    EngineStopped,
    Failed,
    Fault,
    Finished,
    GenerationRequest,
    InitImage,
    ModelInfo,
    OutOfRange,
    Progress,
    Recipe,
    RecipeDraft,
    ReviewedImage,
    UnknownModel,
    Verdict,
    seeds_from,
)
from engine.catalog import Catalog, load_catalog
from engine.command_line import DONE, FAILED, WRONG_INPUT, real, whole
from engine.executors.port import Executor
from engine.hub import take_stock
from engine.service import check_recipe, open_engine
from engine.settings import EngineSettings

HELD_BACK = 3
STRENGTH = 0.6
_FAULTS = {
    Fault.DETECTOR_BROKE: "is not shown: the safety check broke down before it had seen it. Try again.",
    Fault.DETECTOR_HUNG: "is not shown: the safety check got stuck. Try again.",
    Fault.NOT_FINITE: "is lost: the model ended up with NaN. Try another seed, size or scheduler.",
    Fault.ONE_COLOUR: "is all of one colour and left out. Try another seed, size or scheduler.",
}


class DrawError(Exception):
    """Nothing was drawn. `str()` is a sentence for people, `exit_code` is for the shell."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class DrawOptions(RecipeDraft):
    """What was typed; without a model it is the catalogue's first, without a seed a random one."""

    output_dir: Path = Path()
    model: str | None = None
    seed: int | None = None
    count: int = 1
    as_json: bool = False
    image: Path | None = None
    strength: float = STRENGTH
    fit: str = FITS[0]
    mask: Path | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give the command its options; each is stored as the field of `DrawOptions` that it becomes."""
    parser.add_argument("prompt", metavar="PROMPT", help='what to draw, in quotes: "a red apple"')
    parser.add_argument("--seed", type=whole, help="same seed, same picture; random if not given")
    parser.add_argument("--count", type=whole, default=1, help="pictures to draw, with seed, seed + 1, ...")
    parser.add_argument("--steps", type=whole, help="more steps take longer and refine more")
    parser.add_argument(
        "--guidance", dest="guidance_scale", type=real, metavar="GUIDANCE", help="how closely to follow the prompt"
    )
    parser.add_argument("--scheduler", metavar="NAME", help='noise scheduler, e.g. "DPM++ 2M"')
    parser.add_argument("--clip-skip", type=whole, metavar="LAYERS", help="layers of the text encoder to skip, 0 to 10")
    parser.add_argument("--width", type=whole, metavar="PIXELS")
    parser.add_argument("--height", type=whole, metavar="PIXELS")
    parser.add_argument("--negative", dest="negative_prompt", metavar="PROMPT", help="what not to draw")
    parser.add_argument("--image", type=Path, metavar="FILE", help="start from this picture: PNG, JPEG or WebP")
    parser.add_argument("--strength", type=real, default=STRENGTH, help="how much of it may change, over 0 to 1")
    parser.add_argument("--fit", choices=FITS, default=FITS[0], help="how it comes to another size")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="light where the picture may change; of its size")
    parser.add_argument("--model", metavar="ID", help="a model of the catalogue; its first if not given")
    parser.add_argument("--output-dir", type=Path, default=Path(), metavar="DIR", help="made if it is missing")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object per picture")


def options_from(given: argparse.Namespace) -> DrawOptions:
    """Return what was typed."""
    return DrawOptions(**{field.name: getattr(given, field.name) for field in fields(DrawOptions)})


async def draw(
    options: DrawOptions,
    settings: EngineSettings,
    out: TextIO,
    err: TextIO,
    executors: Sequence[Executor] | None = None,
) -> int:
    """Draw, write the pictures, and print a line for each.

    Args:
        options: what to draw.
        settings: how to run the engine; only the first of its workers is used.
        out: gets one line per picture.
        err: gets the progress bar, if it is a terminal, and a sentence for each picture that is not there.
        executors: as in `open_engine`.

    Returns:
        The exit code: DONE, or HELD_BACK or FAILED when the gate let no picture out.

    Raises:
        CatalogError, DrawError, EngineError: nothing was written.
    """
    catalog = load_catalog(settings.models_file, settings.models_dir)
    inputs = tuple(_read(path) for path in (options.image, options.mask) if path)
    recipe = recipe_for(options, catalog, inputs)
    _make_writable(options.output_dir)
    settings = settings.model_copy(update={"devices": (settings.workers()[0].device,), "workers_per_device": 1})
    async with open_engine(settings, catalog, executors) as engine:
        request = GenerationRequest(recipe, "draw", 1, time.time(), "", previews=False, inputs=inputs)
        finished = await _finish(engine, request, err)
    return _write(finished, recipe, options, out, err)


def recipe_for(options: DrawOptions, catalog: Catalog, inputs: Sequence[bytes] = ()) -> Recipe:
    """Return the recipe that the options ask for; picture n has the seed plus n.

    Args:
        options: what to draw.
        catalog: the models.
        inputs: the bytes of the picture to start from, and of its mask.

    Raises:
        DrawError, EngineError: the options are wrong.
    """
    model = _model(options.model, catalog)
    if not 1 <= options.count <= MAX_IMAGES:
        raise OutOfRange("count", options.count, 1, MAX_IMAGES)
    seed = secrets.randbelow(MAX_SEED + 1) if options.seed is None else options.seed
    if not 0 <= seed <= MAX_SEED:
        raise DrawError(f"The seed must be a whole number from 0 to {MAX_SEED}, not {seed}.", WRONG_INPUT)
    try:
        recipe = model.complete(options, seeds_from(seed, options.count), _init_image(options, inputs))
    except ValueError as error:
        raise DrawError(f"This cannot be drawn: {error}.", WRONG_INPUT) from error
    check_recipe(recipe, take_stock(catalog))
    return recipe


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_INPUT_BYTES:
            raise BadInput("too_large", MAX_INPUT_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise DrawError(f"{path} cannot be read: {error.strerror}.", WRONG_INPUT) from error


def _init_image(options: DrawOptions, inputs: Sequence[bytes]) -> InitImage | None:
    if options.image is None:
        if options.mask is not None:
            raise DrawError("A mask needs the picture that it is for: give --image too.", WRONG_INPUT)
        return None
    sha256, mask, *_ = (*(hashlib.sha256(data).hexdigest() for data in inputs), "")
    return InitImage(sha256, options.strength, options.fit, mask)


def _model(model: str | None, catalog: Catalog) -> ModelInfo:
    infos = catalog.infos()
    if model is None:
        return infos[0]
    entry = catalog.get(model)
    if entry is None:
        raise UnknownModel(model, tuple(info.id for info in infos))
    return entry.info


async def _finish(engine: EngineClient, request: GenerationRequest, err: TextIO) -> Finished:
    with tqdm(total=request.recipe.steps, unit="step", leave=False, file=err, disable=not err.isatty()) as bar:
        async for event in engine.submit(request):
            match event:
                case Progress(step, total):
                    bar.total = total
                    bar.update(step - bar.n)
                case Finished():
                    return event
                case Failed(EngineStopped()) if trouble := engine.status().trouble:
                    raise DrawError(trouble, FAILED)
                case Failed(error):
                    raise error
    raise DrawError("The engine gave the job up.", FAILED)


def _write(finished: Finished, recipe: Recipe, options: DrawOptions, out: TextIO, err: TextIO) -> int:
    written = 0
    for result in finished.images:
        seed = recipe.images[result.index].seed
        if result.image is not None:
            path = _save(result.image, options.output_dir, f"easel-{seed}")
            facts = _facts(path, seed, result.image, recipe, finished.facts.seconds)
            print(json.dumps(facts) if options.as_json else _line(facts), file=out, flush=True)
            written += 1
        elif result.verdict is Verdict.BLOCK:
            print(f"The picture with seed {seed} was held back by the safety checker. Try other words.", file=err)
        elif result.fault is not None:
            print(f"The picture with seed {seed} {_FAULTS[result.fault]}", file=err)
    if written:
        return DONE
    return HELD_BACK if any(result.verdict is Verdict.BLOCK for result in finished.images) else FAILED


def _facts(path: Path, seed: int, image: ReviewedImage, recipe: Recipe, seconds: float) -> dict[str, Any]:
    return {
        "path": str(path),
        "seed": seed,
        "sha256": image.sha256,
        "file_sha256": image.file_sha256,
        "width": image.width,
        "height": image.height,
        "model": recipe.model,
        "steps": recipe.steps,
        "guidance": recipe.guidance_scale,
        "scheduler": recipe.scheduler,
        "seconds": round(seconds, 3),
    }


def _line(facts: dict[str, Any]) -> str:
    return (
        "{path}  {width}x{height}, model {model}, seed {seed}, {steps} steps, "
        "guidance {guidance:g}, {scheduler}, {seconds:.1f} s"
    ).format(**facts)


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        sentence = f"Pictures cannot be written to {folder}: {error.strerror}. Choose another --output-dir."
        raise DrawError(sentence, WRONG_INPUT) from error


def _save(image: ReviewedImage, folder: Path, stem: str) -> Path:
    """Write the picture under the first name that is free or holds this very picture."""
    try:
        for path in _names(folder, stem):
            if not path.exists():
                part = path.with_suffix(".part")
                part.write_bytes(image.data)
                os.replace(part, path)
                return path
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == image.file_sha256:
                return path
    except OSError as error:
        raise DrawError(f"A picture could not be written to {folder}: {error.strerror}.", FAILED) from error
    raise AssertionError("names do not run out")


def _names(folder: Path, stem: str) -> Iterator[Path]:
    yield folder / f"{stem}.png"
    for number in count(2):
        yield folder / f"{stem}-{number}.png"
