"""What the worker of tests says of its jobs, with coloured squares for pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from PIL import Image

from engine.api import Fault, GenerationRequest, Verdict, pixel_sha256
from engine.encoding import FileOptions, encode_picture
from engine.wire import FromWorker, JobProgress, decode_from_worker

PREVIEW_EVERY_STEPS = 4
SQUARES_A_SIDE = 8
SECONDS_A_JOB = 1.0


def progress(request: GenerationRequest, step: int, previews: bool) -> FromWorker:
    """Return what is told after a step: with a preview after every fourth, if wanted."""
    shows = previews and step % PREVIEW_EVERY_STEPS == 0
    if not shows:
        return JobProgress(request.job_id, step, request.recipe.steps_taken)
    preview = _file(_picture(request, 0).resize((64, 64)), FileOptions())
    return _heard(
        {
            "type": "progress",
            "job_id": request.job_id,
            "step": step,
            "total": request.recipe.steps_taken,
            "preview": {"step": step, "picture": preview},
        }
    )


def finished(
    request: GenerationRequest, block: Collection[int], faults: Mapping[int, Fault], worker: str
) -> FromWorker:
    """Return a job's last message.

    Args:
        request: the job.
        block: indexes of images that the gate blocks.
        faults: why images could not be judged, by their index.
        worker: its name.
    """
    results: list[dict[str, Any]] = []
    allowed: list[Image.Image] = []
    for index in range(len(request.recipe.images)):
        if index in block:
            results.append({"index": index, "verdict": Verdict.BLOCK, "reason": "planned"})
        elif fault := faults.get(index):
            results.append({"index": index, "verdict": Verdict.ERROR, "reason": "planned", "fault": fault})
        else:
            allowed.append(_picture(request, index))
            wrapping = FileOptions(request.recipe, index, request.max_file_bytes)
            results.append({"index": index, "verdict": Verdict.ALLOW, "image": _file(allowed[-1], wrapping)})
    facts: dict[str, Any] = {"worker": worker, "device": "fake", "threads": 1, "dtype": "float32", "versions": []}
    facts["seconds"] = SECONDS_A_JOB
    grid = _file(_grid(allowed), FileOptions(max_bytes=request.max_file_bytes)) if len(allowed) > 1 else None
    return _heard(
        {"type": "finished", "job_id": request.job_id, "images": results, "grid": grid, "facts": facts},
    )


def _heard(message: dict[str, Any]) -> FromWorker:
    """Return the message as if a worker had sent it, because only the wire may rebuild a reviewed picture."""
    return decode_from_worker(msgspec.msgpack.encode(message))


def _picture(request: GenerationRequest, index: int) -> Image.Image:
    recipe = request.recipe
    alone = replace(recipe, images=(recipe.images[index],))
    colours = hashlib.shake_256(alone.canonical_json().encode()).digest(3 * SQUARES_A_SIDE**2)
    squares = Image.frombytes("RGB", (SQUARES_A_SIDE, SQUARES_A_SIDE), colours)
    return squares.resize((recipe.width, recipe.height), Image.Resampling.NEAREST)


def _grid(pictures: list[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    rows = (len(pictures) + 1) // 2
    grid = Image.new("RGB", (2 * width, rows * height))
    for place, picture in enumerate(pictures):
        grid.paste(picture, (place % 2 * width, place // 2 * height))
    return grid


def _file(picture: Image.Image, wrapping: FileOptions) -> dict[str, Any]:
    data, media_type = encode_picture(picture, wrapping)
    width, height = picture.size
    return {
        "data": data,
        "media_type": media_type,
        "width": width,
        "height": height,
        "sha256": pixel_sha256("RGB", width, height, picture.tobytes()),
        "file_sha256": hashlib.sha256(data).hexdigest(),
    }
