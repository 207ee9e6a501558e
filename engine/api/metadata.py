"""What a picture file says of how it was drawn: A1111's text of parameters, which many programs read, and our recipe.

    a red apple
    Negative prompt: leaves
    Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: sd15, Version: Easel 0.1.0

Source of the form: what AUTOMATIC1111's web interface writes into its pictures.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import TypeVar

from engine.api.embedded_texts import PARAMETERS, RECIPE, Texts
from engine.api.requests import MAX_CLIP_SKIP, Recipe
from engine.api.seeds import MAX_SEED, ImageSeed, Variation

NEGATIVE = "Negative prompt:"
MOST_STEPS = 1000
MOST_GUIDANCE = 100.0

T = TypeVar("T")

_KNOWN_BY = frozenset({"Steps", "Sampler", "CFG scale", "Seed", "Size"})
_KNOWN_FROM = 3
_FIELD = re.compile(r'(?:^|,)\s*+([A-Za-z][\w /-]{0,60}+):\s*+("(?:[^"\\]|\\.)*+"|[^,]*+)')
_LATE_NEGATIVE = re.compile(rf"(?<![\r\n])[\r\n]++(?=[^\S\n]*{NEGATIVE})")
_SIZE = re.compile(r"([0-9]{1,5})\s*x\s*([0-9]{1,5})")
_WHOLE = re.compile(r"[0-9]{1,19}")

# What A1111 (1.9 and later) takes where a file names no noise schedule, or "Automatic".
_AUTOMATIC: Mapping[str, str] = MappingProxyType(
    {
        "DPM++ 2M": "Karras",
        "DPM++ SDE": "Karras",
        "DPM++ 2M SDE": "Exponential",
        "DPM2": "Karras",
        "DPM2 a": "Karras",
    }
)
_PLAIN_SCHEDULES = frozenset({"Uniform", "Normal", "Simple"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a picture was drawn, as its file says. None is what it does not say, or not so that it can be read.

    Args:
        prompt, negative_prompt: as typed.
        model: by its name where it was drawn.
        width, height: pixels.
        steps: 1 to MOST_STEPS.
        guidance_scale: 0.0 to MOST_GUIDANCE.
        scheduler: noise scheduler by the name people know.
        seed: its noise.
        clip_skip: as in `Recipe`.
        from_picture: whether it started from another picture, which no file tells.
        unreadable: names of the values that are there and cannot be read.
    """

    prompt: str
    negative_prompt: str = ""
    model: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    seed: ImageSeed | None = None
    clip_skip: int | None = None
    from_picture: bool = False
    unreadable: tuple[str, ...] = ()


def embedded_texts(recipe: Recipe, index: int) -> Texts:
    """Return what the file of one image of a recipe carries."""
    alone = replace(recipe, images=(recipe.images[index],))
    return {PARAMETERS: parameters_text(alone), RECIPE: alone.canonical_json()}


def parameters_text(recipe: Recipe) -> str:
    """Return the parameters of a recipe of one image, in A1111's form.

    A line of the prompt that begins like the negative prompt joins the line before it, and NUL characters are left out:
    no reader could tell them from what they would look like.
    """
    prompt = _LATE_NEGATIVE.sub(" ", _clean(recipe.prompt))
    negative_prompt = _clean(recipe.negative_prompt)
    lines = [prompt, f"{NEGATIVE} {negative_prompt}"] if negative_prompt else [prompt]
    values = ", ".join(f"{name}: {_quoted(value)}" for name, value in _values(recipe))
    return "\n".join([*lines, values])


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _values(recipe: Recipe) -> Iterator[tuple[str, str]]:
    (image,) = recipe.images
    yield "Steps", str(recipe.steps)
    yield "Sampler", recipe.scheduler
    if recipe.scheduler in _AUTOMATIC:
        yield "Schedule type", "Uniform"
    yield "CFG scale", f"{recipe.guidance_scale:.12g}"
    yield "Seed", str(image.seed)
    yield "Size", f"{recipe.width}x{recipe.height}"
    yield "Model", recipe.model
    if recipe.upscaler is not None:
        yield "Postprocess upscale by", str(recipe.upscaler.factor)
        yield "Postprocess upscaler", recipe.upscaler.name
    elif recipe.init_image is not None:
        yield "Denoising strength", f"{recipe.init_image.strength:.12g}"
    if recipe.clip_skip:
        yield "Clip skip", str(recipe.clip_skip + 1)  # A1111 counts the layer that is used, from the end
    if len(image.variations) == 1:
        yield "Variation seed", str(image.variations[0].seed)
        yield "Variation seed strength", f"{image.variations[0].strength:.12g}"
    elif image.variations:  # A1111 knows one variation only
        chain = (f"{variation.seed} at {variation.strength:.12g}" for variation in image.variations)
        yield "Variations", ", ".join(chain)
    yield "Version", _version()


@cache
def _version() -> str:
    return f"Easel {version('easel')}"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if set(value) & set(',:\n"') else value


def read_metadata(texts: Texts) -> Parameters | None:
    """Return what a file's texts say, our own recipe before A1111's parameters; None if they say nothing."""
    if RECIPE in texts and (recipe := _read_recipe(texts[RECIPE])):
        return parameters_of(recipe)
    return read_parameters(texts[PARAMETERS]) if PARAMETERS in texts else None


def _read_recipe(text: str) -> Recipe | None:
    """Return a recipe that may be forged, or of a version to come: None then."""
    try:
        recipe = Recipe.from_json(text)
    except (ValueError, RecursionError):
        return None
    words = (recipe.model, recipe.prompt, recipe.negative_prompt, recipe.scheduler)
    return recipe if all(isinstance(each, str) for each in words) else None


def parameters_of(recipe: Recipe) -> Parameters:
    """Return the parameters of a recipe's first image."""
    return Parameters(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        model=recipe.model,
        width=recipe.width,
        height=recipe.height,
        steps=recipe.steps,
        guidance_scale=recipe.guidance_scale,
        scheduler=recipe.scheduler,
        seed=recipe.images[0],
        clip_skip=recipe.clip_skip,
        from_picture=recipe.init_image is not None,
    )


def read_parameters(text: str) -> Parameters | None:
    """Read parameters in A1111's form, in time linear in their length; None if there is no line of values."""
    lines = text.replace("\r\n", "\n").split("\n")
    for place in range(len(lines) - 1, -1, -1):
        values = dict(_fields(lines[place]))
        if len(_KNOWN_BY & values.keys()) >= _KNOWN_FROM:
            return _Values(values).read(*_prompts(lines[:place]))
    return None


def _fields(line: str) -> Iterator[tuple[str, str]]:
    for name, value in _FIELD.findall(line):
        value = value.strip()
        if value.startswith('"'):
            try:
                value = str(json.loads(value))
            except ValueError:
                value = value.strip('"')
        yield name, value


def _prompts(lines: list[str]) -> tuple[str, str]:
    for place, line in enumerate(lines):
        if line.lstrip().startswith(NEGATIVE):
            negative_prompt = [line.lstrip().removeprefix(NEGATIVE), *lines[place + 1 :]]
            return "\n".join(lines[:place]).strip(), "\n".join(negative_prompt).strip()
    return "\n".join(lines).strip(), ""


class _Values:
    """The line of values, and which of them could not be read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._unreadable: list[str] = []

    def read(self, prompt: str, negative_prompt: str) -> Parameters:
        size = self._take("Size", _size)
        return Parameters(
            prompt=prompt,
            negative_prompt=negative_prompt,
            model=self._values.get("Model") or None,
            width=size[0] if size else None,
            height=size[1] if size else None,
            steps=self._take("Steps", lambda text: _whole(text, 1, MOST_STEPS)),
            guidance_scale=self._take("CFG scale", lambda text: _real(text, 0.0, MOST_GUIDANCE)),
            scheduler=self._scheduler(),
            seed=self._seed(),
            clip_skip=self._take("Clip skip", lambda text: _whole(text, 1, MAX_CLIP_SKIP + 1) - 1),
            from_picture="Denoising strength" in self._values and "Hires upscale" not in self._values,
            unreadable=tuple(self._unreadable),
        )

    def _take(self, name: str, read: Callable[[str], T]) -> T | None:
        if name not in self._values:
            return None
        try:
            return read(self._values[name])
        except ValueError:
            self._unreadable.append(name)
            return None

    def _seed(self) -> ImageSeed | None:
        seed = self._take("Seed", lambda text: _whole(text, 0, MAX_SEED))
        towards = self._take("Variation seed", lambda text: _whole(text, 0, MAX_SEED))
        strength = self._take("Variation seed strength", lambda text: _real(text, 0.0, 1.0))
        if seed is None:
            return None
        if towards is None or not strength:
            return ImageSeed(seed)
        return ImageSeed(seed, (Variation(towards, strength),))

    def _scheduler(self) -> str | None:
        sampler, schedule = self._values.get("Sampler"), self._values.get("Schedule type", "")
        if not sampler:
            return None
        if schedule == "Automatic":
            schedule = _AUTOMATIC.get(sampler, "")
        if not schedule or schedule in _PLAIN_SCHEDULES or sampler.endswith(f" {schedule}"):
            return sampler
        return f"{sampler} {schedule}"


def _whole(text: str, low: int, high: int) -> int:
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise ValueError(f"{text} is not a whole number from {low} to {high}")
    return int(text)


def _real(text: str, low: float, high: float) -> float:
    value = float(text)
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{text} is not a number from {low} to {high}")
    return value


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text} is no size")
    return int(match[1]), int(match[2])
