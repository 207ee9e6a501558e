"""Read what a member typed into options, and offer what they may type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from discord import app_commands

from bot.domain.presets import Preset
from bot.texts import loras as lora_texts
from bot.texts import refusals as refusal_texts
from bot.texts.sanitize import plain_cut
from bot.usecases.imagine import Ask
from bot.usecases.refusals import WrongValue
from engine.api import MAX_IMAGES, MAX_LORAS, MAX_SEED, Lora, LoraTag, ModelInfo, OutOfRange

MOST_CHOICES = 25
CHOICE_LENGTH = 100

_SIZE = re.compile(r"([0-9]{1,5})\s*[x\u00d7*]\s*([0-9]{1,5})", re.IGNORECASE)
_SEED = re.compile(r"[0-9]{1,20}")
_WEIGHT = r"[+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})"
_LORA = re.compile(rf"([^:<>,]*[^:<>,\s])\s*(?::\s*({_WEIGHT}))?")


def read_ask(
    model: ModelInfo | None,
    *,
    prompt: str,
    negative_prompt: str | None = None,
    model_name: str | None = None,
    size: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    scheduler: str | None = None,
    seed: str | None = None,
    count: int = 1,
    preset: str | None = None,
    style: str | None = None,
    lora: str | None = None,
    clip_skip: int | None = None,
) -> Ask:
    """Return the options as an Ask.

    Args:
        model: the model that will draw, for the names of its sizes; None if the name is unknown here.
        prompt, negative_prompt, model_name, scheduler: as typed.
        size: a name of the model's sizes, or "WIDTHxHEIGHT".
        steps, guidance, clip_skip: numbers, checked against the model by the use case.
        seed: digits.
        count: pictures.
        preset: one of the presets that Discord offers.
        style: a style's name or title, for the use case to find.
        lora: names and weights, e.g. "ink, film:0.5".

    Raises:
        WrongValue: the size, the seed or the LoRAs cannot be read.
        OutOfRange: the count is not 1 to MAX_IMAGES.
    """
    if not 1 <= count <= MAX_IMAGES:
        raise OutOfRange("count", count, 1, MAX_IMAGES)
    size, scheduler, seed, lora = _typed(size), _typed(scheduler), _typed(seed), _typed(lora)
    width, height = read_size(size, model) if size else (None, None)
    return Ask(
        prompt=prompt.strip(),
        negative_prompt=negative_prompt.strip() if negative_prompt else None,
        model=_typed(model_name),
        width=width,
        height=height,
        steps=steps,
        guidance_scale=guidance,
        scheduler=read_scheduler(scheduler, model) if scheduler else None,
        seed=read_seed(seed) if seed else None,
        count=count,
        preset=Preset(preset) if preset else Preset.STANDARD,
        style=_typed(style),
        loras=read_loras(lora) if lora else (),
        clip_skip=clip_skip,
    )


def _typed(text: str | None) -> str | None:
    """Return what was typed, None for nothing but spaces."""
    return (text or "").strip() or None


def read_size(text: str, model: ModelInfo | None) -> tuple[int, int]:
    """Return width and height in pixels from a size's name or "WIDTHxHEIGHT".

    Raises:
        WrongValue: it is neither.
    """
    sizes = model.sizes if model else ()
    for size in sizes:
        if text.strip().casefold() == size.name.casefold():
            return size.width, size.height
    if match := _SIZE.fullmatch(text.strip()):
        return int(match[1]), int(match[2])
    raise WrongValue("size", text, refusal_texts.size_hint([f"{size.name} ({size})" for size in sizes] or ["512x512"]))


def read_seed(text: str) -> int:
    """Return a seed from its digits.

    Raises:
        WrongValue: it is no whole number from 0 to MAX_SEED.
    """
    if not _SEED.fullmatch(text.strip()) or int(text) > MAX_SEED:
        raise WrongValue("seed", text, refusal_texts.seed_hint(MAX_SEED))
    return int(text)


def read_scheduler(text: str, model: ModelInfo | None) -> str:
    """Return the model's spelling of a noise scheduler's name, or the text as it is for the use case to refuse."""
    known = model.schedulers if model else ()
    return next((each.name for each in known if each.name.casefold() == text.strip().casefold()), text.strip())


def read_loras(text: str) -> tuple[LoraTag, ...]:
    """Return the LoRAs of a list of names and weights, e.g. "ink, film:0.5"; the use case refuses unknown ones.

    Raises:
        WrongValue: it is no such list.
    """
    read = [_LORA.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
    if not read or not all(read):
        raise WrongValue("lora", text, lora_texts.HINT)
    return tuple(LoraTag(each[1], float(each[2]) if each[2] else None) for each in read if each)


def offer_loras(typed: str, loras: Sequence[Lora]) -> list[app_commands.Choice[str]]:
    """Return what may end a list of LoRAs that was begun; what stands before its last comma stays.

    Args:
        typed: what the member typed.
        loras: those of the model.
    """
    before, _, last = typed.rpartition(",")
    begun = [part.strip() for part in before.split(",") if part.strip()]
    taken = {part.partition(":")[0].strip().casefold() for part in begun}
    name, _, weight = (part.strip() for part in last.partition(":"))
    kept, weight = "".join(f"{part}, " for part in begun), f":{weight}" if re.fullmatch(_WEIGHT, weight) else ""
    free = [each for each in loras if each.name.casefold() not in taken] if len(begun) < MAX_LORAS else []
    choices = [(lora_texts.choice(kept, each, weight), f"{kept}{each.name}{weight}", each) for each in free]
    return [
        app_commands.Choice(name=plain_cut(shown, CHOICE_LENGTH), value=value)
        for shown, value, each in choices
        if len(value) <= CHOICE_LENGTH and name.casefold() in f"{each.name} {each.title}".casefold()
    ][:MOST_CHOICES]


def offer(typed: str, choices: Iterable[tuple[str, str]]) -> list[app_commands.Choice[str]]:
    """Return the choices whose name or value holds what was typed so far, as many as Discord shows.

    Args:
        typed: what the member typed.
        choices: name and value of each.
    """
    wanted = typed.strip().casefold()
    return [
        app_commands.Choice(name=plain_cut(name, CHOICE_LENGTH), value=value)
        for name, value in choices
        if wanted in name.casefold() or wanted in value.casefold()
    ][:MOST_CHOICES]
