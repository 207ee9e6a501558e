"""What a picture's file is, and that its texts read the same in other programs."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sd_parsers import ParserManager
from sd_parsers.data import PromptInfo

from engine.api import (
    MAX_PROMPT_CHARACTERS,
    MAX_VARIATIONS,
    ImageSeed,
    Recipe,
    Variation,
    parameters_of,
    read_metadata,
    read_parameters,
    read_texts,
)
from engine.api.embedded_texts import PARAMETERS, RECIPE
from engine.encoding import JPEG, PNG, WEBP, FileOptions, decode_picture, encode_picture

RECIPE_OF_TWO = Recipe(
    model="sd15",
    model_revision="abc",
    prompt="a red apple, (on a table:1.2)",
    negative_prompt="leaves, blurry",
    width=512,
    height=768,
    steps=20,
    guidance_scale=7.5,
    scheduler="DPM++ 2M Karras",
    images=(ImageSeed(4294967295), ImageSeed(8)),
)
NASTY = (
    "line one\nline two: with a colon",
    "Steps: 5",
    "a sign\nSteps: 5, Sampler: Euler, CFG scale: 1, Seed: 3, Size: 1x1, Model: other",
    'she said "no", and left\\',
    "🍎 りんご — яблоко",
    "café, naïve",
    "a" * 2000,
    ", : , :",
    "{a|b}: [c]",
)


def noise(side: int = 64) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels, "RGB")


def smooth() -> Image.Image:
    """Return a picture that WebP packs better than PNG, without loss."""
    return noise(32).resize((256, 256), Image.Resampling.BICUBIC)


def read_by_others(data: bytes) -> PromptInfo:
    found = ParserManager().parse(io.BytesIO(data))
    assert found is not None
    return found


def limited(picture: Image.Image, below: str) -> tuple[bytes, str]:
    """Encode with a limit that leaves no room for the form before `below`."""
    limit = len(encode_picture(picture, FileOptions(RECIPE_OF_TWO, 0))[0]) - 1
    data, media_type = encode_picture(picture, FileOptions(RECIPE_OF_TWO, 0, limit))
    if below == JPEG and media_type == WEBP:
        data, media_type = encode_picture(picture, FileOptions(RECIPE_OF_TWO, 0, len(data) - 1))
    assert media_type == below
    return data, media_type


@pytest.mark.parametrize("form", [PNG, WEBP, JPEG])
def test_another_reader_finds_the_values_of_the_recipe(form: str) -> None:
    data = encode_picture(smooth(), FileOptions(RECIPE_OF_TWO, 0))[0] if form == PNG else limited(smooth(), form)[0]
    found = read_by_others(data)

    (sampler,) = found.samplers
    assert [prompt.value for prompt in sampler.prompts] == [RECIPE_OF_TWO.prompt]
    assert [prompt.value for prompt in sampler.negative_prompts] == ["leaves, blurry"]
    assert sampler.name == "DPM++ 2M Karras"
    assert sampler.parameters == {"steps": "20", "cfg_scale": "7.5", "seed": "4294967295"}
    assert sampler.model is not None
    assert sampler.model.name == "sd15"
    assert found.metadata["Size"] == "512x768"


@pytest.mark.parametrize("prompt", NASTY)
def test_another_reader_finds_a_prompt_whatever_is_in_it(prompt: str) -> None:
    recipe = replace(RECIPE_OF_TWO, prompt=prompt, negative_prompt=prompt[::-1].strip())
    (sampler,) = read_by_others(encode_picture(noise(8), FileOptions(recipe, 1))[0]).samplers

    assert [each.value for each in sampler.prompts] == [prompt]
    assert [each.value for each in sampler.negative_prompts] == [prompt[::-1].strip()]
    assert sampler.parameters["seed"] == "8"
    assert sampler.parameters["steps"] == "20"


@pytest.mark.parametrize("prompt", [*NASTY, "x\nNegative prompt: y", "Negative prompt: z", " spaces \n", "nul \0 here"])
@pytest.mark.parametrize("form", [PNG, JPEG])
def test_our_own_reader_finds_exactly_the_recipe(prompt: str, form: str) -> None:
    recipe = replace(RECIPE_OF_TWO, prompt=prompt)
    data, media_type = encode_picture(noise(48), FileOptions(recipe, 1, 0 if form == PNG else 1))

    texts = read_texts(data)

    assert media_type == form
    assert Recipe.from_json(texts[RECIPE]) == replace(recipe, images=(ImageSeed(8),))
    assert read_metadata(texts) == parameters_of(replace(recipe, images=(ImageSeed(8),)))


def test_the_picture_in_a_png_and_in_a_webp_is_the_picture_that_was_drawn() -> None:
    picture = smooth()

    assert decode_picture(encode_picture(picture, FileOptions(RECIPE_OF_TWO, 0))[0]).tobytes() == picture.tobytes()
    assert decode_picture(limited(picture, WEBP)[0]).tobytes() == picture.tobytes()


@pytest.mark.parametrize("limit", [0, 3000, 1])
def test_the_same_picture_and_recipe_are_the_same_bytes(limit: int) -> None:
    assert encode_picture(noise(), FileOptions(RECIPE_OF_TWO, 0, limit)) == encode_picture(
        noise(), FileOptions(RECIPE_OF_TWO, 0, limit)
    )


def test_a_file_keeps_to_the_limit_where_any_form_does() -> None:
    limit = len(encode_picture(noise(256), FileOptions(max_bytes=1))[0]) + 2000
    data, media_type = encode_picture(noise(256), FileOptions(max_bytes=limit))

    assert (len(data) <= limit, media_type) == (True, JPEG)


def test_a_file_that_fits_stays_a_png() -> None:
    data, media_type = encode_picture(noise(8), FileOptions(RECIPE_OF_TWO, 0))

    assert encode_picture(noise(8), FileOptions(RECIPE_OF_TWO, 0, len(data))) == (data, media_type)


@pytest.mark.parametrize("character", ["🍎", "り", "é", '"'])
def test_the_recipe_of_the_longest_prompts_still_fits_into_a_jpeg(character: str) -> None:
    longest = character * MAX_PROMPT_CHARACTERS
    seed = ImageSeed(1, tuple(Variation(4294967295, 0.123456789) for _ in range(MAX_VARIATIONS)))
    recipe = replace(RECIPE_OF_TWO, prompt=longest, negative_prompt=longest, images=(seed,))
    data, media_type = encode_picture(noise(8), FileOptions(recipe, 0, 1))

    assert media_type == JPEG
    assert Recipe.from_json(read_texts(data)[RECIPE]) == recipe


def test_a_jpeg_whose_recipe_does_not_fit_tells_nothing() -> None:
    longest = "\x01" * MAX_PROMPT_CHARACTERS
    recipe = replace(RECIPE_OF_TWO, prompt=longest, negative_prompt=longest)
    data, media_type = encode_picture(noise(8), FileOptions(recipe, 0, 1))

    assert media_type == JPEG
    assert read_texts(data) == {}


def test_a_picture_without_a_recipe_tells_nothing() -> None:
    assert read_texts(encode_picture(noise(8), FileOptions())[0]) == {}
    assert read_texts(encode_picture(noise(8), FileOptions(max_bytes=1))[0]) == {}


def test_a_variation_is_told_in_the_words_of_others() -> None:
    once = replace(RECIPE_OF_TWO, images=(ImageSeed(7, (Variation(12, 0.15),)),))
    text = read_texts(encode_picture(noise(8), FileOptions(once, 0))[0])[PARAMETERS]
    found = read_parameters(text)

    assert "Variation seed: 12, Variation seed strength: 0.15" in text
    assert found is not None
    assert found.seed == once.images[0]


def test_variations_of_variations_do_not_pass_for_a_single_one() -> None:
    twice = replace(RECIPE_OF_TWO, images=(ImageSeed(7, (Variation(12, 0.15), Variation(13, 0.4))),))
    texts = read_texts(encode_picture(noise(8), FileOptions(twice, 0))[0])
    exact = read_metadata(texts)

    assert "Variation seed" not in texts[PARAMETERS]
    assert 'Variations: "12 at 0.15, 13 at 0.4"' in texts[PARAMETERS]
    assert exact is not None
    assert exact.seed == twice.images[0]
