"""The options of `/imagine` that are more than a number or a text: each with its parser and what it offers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from discord import app_commands

from bot.interactions.answers import Interaction
from bot.interactions.autocomplete import Choices, offered_in_time
from bot.interactions.errors import WrongValue
from bot.interactions.identity import member_of
from bot.interactions.options import CHOICE_LENGTH, MOST_CHOICES, Name, Whole, offer, usecases_of
from bot.texts import loras as lora_texts
from bot.texts import refusals as refusal_texts
from bot.texts.sanitize import plain_cut
from bot.usecases.terms import Terms
from engine.api import MAX_IMAGES, MAX_LORAS, MAX_SEED, Lora, LoraTag, ModelInfo, OutOfRange

_SIZE = re.compile(r"([0-9]{1,5})\s*[x\u00d7*]\s*([0-9]{1,5})", re.IGNORECASE)
_SEED = re.compile(r"[0-9]{1,20}")
_WEIGHT = r"[+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})"
_LORA = re.compile(rf"([^:<>,]*[^:<>,\s])\s*(?::\s*({_WEIGHT}))?")
_TERMS = "terms"


class ModelOption(Name):
    """A model that the server allows."""

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer them, the server's default first."""
        standings = await usecases_of(interaction).admin.models(member_of(interaction).guild_id)
        allowed = sorted((each for each in standings if each.allowed), key=lambda each: not each.default)
        return offer(value, [(f"{each.info.title} · {each.info.description}", each.info.id) for each in allowed])


class SizeOption(Name):
    """Width and height in pixels, from "WIDTHxHEIGHT" or the name of one of the model's sizes."""

    async def read(self, interaction: Interaction, name: str) -> tuple[int, int]:
        """Return width and height."""
        return read_size(name, await chosen_model(interaction))

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer the sizes of the model chosen so far."""
        model = await chosen_model(interaction)
        return offer(value, [(f"{size.name} {size}", str(size)) for size in model.sizes] if model else [])


class SchedulerOption(Name):
    """A noise scheduler of the model."""

    async def read(self, interaction: Interaction, name: str) -> str:
        """Return its name as the model spells it."""
        return read_scheduler(name, await chosen_model(interaction))

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer those of the model chosen so far, each with its trade-off."""
        model = await chosen_model(interaction)
        return offer(value, [(f"{each.name} · {each.note}", each.name) for each in model.schedulers] if model else [])


class SeedOption(Name):
    """A seed; a text, since Discord's whole numbers are floats in JavaScript."""

    async def read(self, interaction: Interaction, name: str) -> int:
        """Return it as a number."""
        return read_seed(name)


class CountOption(Whole):
    """How many pictures."""

    async def transform(self, interaction: Interaction, value: int, /) -> int:
        """Return it, if it is 1 to MAX_IMAGES."""
        if not 1 <= value <= MAX_IMAGES:
            raise OutOfRange("count", value, 1, MAX_IMAGES)
        return value


class StyleOption(Name):
    """A style."""

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer the styles, each with what it looks like."""
        styles = usecases_of(interaction).imagine.styles
        return offer(value, [(f"{style.title} · {style.description}", style.name) for style in styles])


class LorasOption(Name):
    """LoRAs with or without weights, e.g. "ink, film:0.5"."""

    async def read(self, interaction: Interaction, name: str) -> tuple[LoraTag, ...]:
        """Return what the list says."""
        return read_loras(name)

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer the LoRAs for the model chosen so far, after those that were typed already."""
        model = await chosen_model(interaction)
        return offer_loras(value, model.offered_loras()) if model else []


async def terms_of(interaction: Interaction) -> Terms:
    """Return what holds for requests in the server, asked once for all options of an interaction."""
    if _TERMS not in interaction.extras:
        interaction.extras[_TERMS] = await usecases_of(interaction).imagine.terms(member_of(interaction).guild_id)
    return cast(Terms, interaction.extras[_TERMS])


async def chosen_model(interaction: Interaction) -> ModelInfo | None:
    """Return the model that will draw; None if there is none of that name, or none is allowed."""
    return (await terms_of(interaction)).named((interaction.namespace.model or "").strip())


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


def offer_loras(typed: str, loras: Sequence[Lora]) -> Choices:
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
    offered: Choices = [
        app_commands.Choice(name=plain_cut(shown, CHOICE_LENGTH), value=value)
        for shown, value, each in choices
        if len(value) <= CHOICE_LENGTH and name.casefold() in f"{each.name} {each.title}".casefold()
    ]
    return offered[:MOST_CHOICES]
