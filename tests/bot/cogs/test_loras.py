"""/imagine with LoRAs, textual inversions and clip skip, and what is wrong with them in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.api import Inversion, Lora, LoraUse
from engine.catalog import INVERSIONS, LORAS, AddOn, Catalog, Source
from tests.bot.conftest import catalog

if TYPE_CHECKING:
    from tests.bot.conftest import World

INK = Lora("ink", "1", "sd1", "Ink", "black lines", ("ink drawing",), 0.7)
FILM = Lora("Old Film", "2", "sd1")
MORE = tuple(Lora(name, "1", "sd1") for name in "abcdef")
XL, FAR = Lora("xl-style", "1", "sdxl"), Lora("far", "1", "sd1")
TOY, FAR_WORD = Inversion("toy", "1"), Inversion("farword", "1")
HERE = Source(Path("/nowhere"), file="x.safetensors")
ELSEWHERE = Source(Path("/nowhere"), "a/b", "main", "x.safetensors")


def addon(meaning: Lora | Inversion, family: str = "sd1", source: Source = HERE) -> AddOn:
    name, kind = (meaning.name, LORAS) if isinstance(meaning, Lora) else (meaning.word, INVERSIONS)
    return AddOn(kind, name, family, name, "", "MIT", source, meaning)


ADDONS = (
    addon(INK),
    addon(FILM),
    addon(XL, "sdxl"),
    addon(FAR, source=ELSEWHERE),
    addon(TOY),
    addon(FAR_WORD, source=ELSEWHERE),
    *map(addon, MORE),
)


@pytest.fixture
def models() -> Catalog:
    """Two models of one family that know some add-ons, and a model of another family."""
    entries = catalog().entries
    entries = (*entries, replace(entries[0], info=replace(entries[0].info, id="xl", family="sdxl")))
    loras = tuple(each.meaning for each in ADDONS if isinstance(each.meaning, Lora))
    words = tuple(each.meaning for each in ADDONS if isinstance(each.meaning, Inversion))
    return Catalog(
        tuple(
            replace(each, info=replace(each.info, loras=loras, inversions=words if each.info.family == "sd1" else ()))
            for each in entries
        ),
        ADDONS,
    )


async def offered(world: World, typed: str, **options: Any) -> Sequence[str]:
    choices = await world.ann.autocomplete(world.channel, "imagine", "lora", typed, prompt="x", **options)
    return [choice["value"] for choice in choices]


async def nothing_happened(world: World) -> bool:
    return not world.worker.requests and not await world.used_today(world.ann)


async def test_a_lora_of_the_option_is_a_tag_in_the_prompt_with_its_trigger_words_and_shown(world: World) -> None:
    message = await world.drawn("a castle", lora="INK:0.5, old film")

    recipe = (await world.generation(message)).recipe
    assert recipe.prompt == "a castle <lora:ink:0.5> <lora:Old Film:1>, ink drawing"
    assert recipe.loras == (LoraUse("ink", "1", 0.5), LoraUse("Old Film", "2", 1.0))
    assert "ink drawing" in message.content
    assert "lora:Old Film:1" in message.content


async def test_a_lora_without_a_weight_has_its_own_and_adds_no_words_that_are_there(world: World) -> None:
    by_option = (await world.generation(await world.drawn("an INK (drawing:1.2)", lora="ink"))).recipe
    by_tag = (await world.generation(await world.drawn("an ink drawing <lora:ink>"))).recipe

    assert by_option.prompt == "an INK (drawing:1.2) <lora:ink:0.7>"
    assert by_tag.prompt == "an ink drawing <lora:ink>"
    assert by_option.loras == by_tag.loras == (LoraUse("ink", "1", 0.7),)


async def test_a_reroll_is_drawn_with_the_same_loras(world: World) -> None:
    message = await world.drawn(lora="ink")

    again = await world.delivered(await world.press(world.ben, message, "Reroll"))

    assert (await world.generation(again)).recipe.loras == (LoraUse("ink", "1", 0.7),)


async def test_autocomplete_offers_the_loras_for_the_chosen_model_that_are_here(world: World) -> None:
    assert await offered(world, "") == ["ink", "Old Film", *"abcdef"]
    assert await offered(world, "FI") == ["Old Film"]
    assert await offered(world, "", model="xl") == ["xl-style"]
    assert await offered(world, "", model="nothing") == []


async def test_autocomplete_completes_a_list_and_keeps_what_was_typed(world: World) -> None:
    assert await offered(world, "ink:0.8, old") == ["ink:0.8, Old Film"]
    assert await offered(world, "ink:0.5") == ["ink:0.5"]
    assert await offered(world, "a, b, c, d, e, ") == []
    assert await offered(world, "ink:0.8, in") == []
    assert await offered(world, "x" * 99 + ", ") == []


REFUSED = [
    ({"lora": "pen"}, "This model has no LoRA called pen. Choose one of: ink, Old Film, a, b"),
    ({"prompt": "a <lora:../../pen:1> castle"}, "This model has no LoRA called ../../pen."),
    ({"lora": "xl-style"}, "The LoRA xl-style is for sdxl models, and this one belongs to sd1. Please choose another"),
    ({"lora": "ink", "model": "xl"}, "The LoRA ink is for sd1 models, and this one belongs to sdxl."),
    ({"lora": "far:0.5"}, "The LoRA far is not on this machine yet; the bot's owner can pull it."),
    ({"prompt": "a farword castle"}, "The textual inversion farword is not on this machine yet"),
    ({"lora": "ink:4.5"}, "LoRA weight must be between -4 and 4, not 4.5."),
    ({"lora": "ink:999999"}, "LoRA weight must be between -4 and 4, not 999999."),
    ({"lora": "ink:3, ink:3"}, "LoRA weight must be between -4 and 4, not 6."),
    ({"lora": "ink:heavy"}, "“ink:heavy” does not work for lora. Write a LoRA's name"),
    ({"lora": "ink:nan"}, "does not work for lora."),
    ({"lora": "<lora:ink:1>"}, "does not work for lora."),
    ({"lora": ","}, "does not work for lora."),
    ({"lora": "a, b, c, d, e, f"}, "LoRAs must be between 0 and 5, not 6."),
    ({"lora": "ink", "prompt": " "}, "The prompt is empty."),
    ({"clip_skip": 11}, "Clip skip must be between 0 and 10, not 11."),
    ({"clip_skip": -1}, "Clip skip must be between 0 and 10, not -1."),
    ({"model": "../../x"}, "There is no model called ../../x. Choose one of: pocket, other, xl."),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED, ids=[str(options) for options, _ in REFUSED])
async def test_what_cannot_be_drawn_is_one_sentence_and_no_job(
    world: World, options: dict[str, Any], sentence: str
) -> None:
    assert sentence in world.refusal(await world.imagine(**options)).replace("\\", "")
    assert await nothing_happened(world)


@pytest.mark.parametrize("prompt", ["a (red castle", "a red] castle", "((((", "a [red (castle]", "castle :1.2)"])
async def test_brackets_without_partner_are_taken_literally(world: World, prompt: str) -> None:
    assert (await world.generation(await world.drawn(prompt))).recipe.prompt == prompt


async def test_a_word_of_an_inversion_is_told_to_the_worker(world: World) -> None:
    message = await world.drawn("a castle", negative_prompt="toy")

    assert (await world.generation(message)).recipe.inversions == (TOY,)


async def test_clip_skip_is_in_the_recipe_and_shown(world: World) -> None:
    message = await world.drawn(clip_skip=1)

    assert (await world.generation(message)).recipe.clip_skip == 1
    assert "clip skip 1" in message.content
    assert "clip skip" not in (await world.drawn()).content
