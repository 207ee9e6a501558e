from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import (
    MAX_IMAGES,
    MAX_SEED,
    MAX_VARIATIONS,
    BadInput,
    GenerationRequest,
    ImageSeed,
    InitImage,
    Inversion,
    LoraUse,
    Placement,
    Recipe,
    Upscaler,
    UpscalerUse,
    Variation,
)

RECIPE = Recipe(
    model="pocket",
    model_revision="1",
    prompt="a red apple, café 🍎",
    negative_prompt="blurry",
    width=128,
    height=192,
    steps=20,
    guidance_scale=7,
    scheduler="DPM++ 2M",
    images=(ImageSeed(7), ImageSeed(8, (Variation(9, 0.15),))),
    parser_version=1,
)
seeds = st.builds(
    ImageSeed,
    st.integers(0, MAX_SEED),
    st.lists(st.builds(Variation, st.integers(0, MAX_SEED), st.floats(0, 1)), max_size=3).map(tuple),
)
recipes = st.builds(
    Recipe,
    model=st.sampled_from(["pocket", "sd15"]),
    model_revision=st.text(max_size=5),
    prompt=st.text(max_size=50),
    negative_prompt=st.text(max_size=50),
    width=st.integers(1, 16384),
    height=st.integers(1, 16384),
    steps=st.integers(1, 1000),
    guidance_scale=st.floats(0, 100) | st.integers(0, 100),
    scheduler=st.sampled_from(["Euler", "DPM++ 2M"]),
    images=st.lists(seeds, min_size=1, max_size=MAX_IMAGES).map(tuple),
    init_image=st.none()
    | st.builds(InitImage, st.just("0a" * 32), st.floats(0.01, 1), st.sampled_from(["crop", "pad"]), st.just("1b" * 32))
    | st.builds(
        InitImage,
        st.just("0a" * 32),
        st.floats(0.01, 1),
        st.just("pad"),
        placed=st.builds(Placement, *[st.integers(-99, 99)] * 2, *[st.integers(1, 99)] * 2),
    ),
    loras=st.lists(st.builds(LoraUse, st.text(max_size=5), st.text(max_size=5), st.floats(-4, 4)), max_size=2).map(
        tuple
    ),
    inversions=st.lists(st.builds(Inversion, st.text(max_size=5), st.text(max_size=5)), max_size=2).map(tuple),
    clip_skip=st.integers(0, 3),
)


def test_the_canonical_json_never_changes() -> None:
    assert RECIPE.canonical_json() == (
        '{"guidance_scale":7.0,"height":192,"images":[{"seed":7,"variations":[]},'
        '{"seed":8,"variations":[{"seed":9,"strength":0.15}]}],"model":"pocket","model_revision":"1",'
        '"negative_prompt":"blurry","parser_version":1,"prompt":"a red apple, café 🍎","scheduler":"DPM++ 2M",'
        '"steps":20,"width":128}'
    )


def test_the_hash_never_changes() -> None:
    assert RECIPE.sha256() == "432c6fae079123d0435322447069e9e996dd09a43f3ed130f9f15519bb0187ae"


def test_7_and_7_0_are_one_value() -> None:
    floats: dict[str, Any] = {"guidance_scale": 7.0, "width": 128.0, "steps": 20.0}
    other = replace(RECIPE, **floats)
    assert other == RECIPE
    assert other.sha256() == RECIPE.sha256()


def test_minus_zero_is_zero() -> None:
    assert replace(RECIPE, guidance_scale=-0.0).sha256() == replace(RECIPE, guidance_scale=0).sha256()


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"model_revision": "2"},
        {"prompt": "a red apple"},
        {"negative_prompt": ""},
        {"width": 136},
        {"height": 200},
        {"steps": 21},
        {"guidance_scale": 7.5},
        {"scheduler": "Euler"},
        {"images": (ImageSeed(7),)},
        {"images": (ImageSeed(7), ImageSeed(8, (Variation(9, 0.4),)))},
        {"parser_version": 2},
        {"inversions": (Inversion("toy", "1"),)},
        {"clip_skip": 1},
        {"loras": (LoraUse("ink", "1", 0.8),)},
        {"init_image": InitImage("0a" * 32, 0.5)},
        {"init_image": InitImage("0b" * 32, 0.5)},
        {"init_image": InitImage("0a" * 32, 0.6)},
        {"init_image": InitImage("0a" * 32, 0.5, "pad")},
        {"init_image": InitImage("0a" * 32, 0.5, mask="0b" * 32)},
        {"init_image": InitImage("0a" * 32, 0.5, "pad", placed=Placement(0, 0, 64, 64))},
        {"init_image": InitImage("0a" * 32, 0.5, "pad", placed=Placement(8, 0, 64, 64))},
        {"loras": (LoraUse("ink", "1", 0.7),)},
        {"loras": (LoraUse("ink", "2", 0.8),)},
        {"inversions": (Inversion("toy", "2"), Inversion("boy", "1"))},
    ],
)
def test_whatever_decides_the_pixels_changes_the_hash(change: dict[str, Any]) -> None:
    assert replace(RECIPE, **change).sha256() != RECIPE.sha256()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "7", None, True])
@pytest.mark.parametrize("field", ["guidance_scale", "steps", "width", "height"])
def test_what_is_no_finite_number_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        replace(RECIPE, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("height", 16385),
        ("steps", 0),
        ("steps", 1.5),
        ("guidance_scale", -1),
        ("width", 10**400),
        ("guidance_scale", 10**400),
    ],
)
def test_numbers_no_model_could_take_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        replace(RECIPE, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.5, math.nan, "7", True])
def test_a_seed_is_a_whole_number_of_32_bits(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed"):
        ImageSeed(seed)
    with pytest.raises(ValueError, match="variation seed"):
        Variation(seed, 0.5)


@pytest.mark.parametrize("strength", [-0.01, 1.01, math.nan])
def test_a_variation_moves_between_nothing_and_all_the_way(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        Variation(1, strength)


@pytest.mark.parametrize("count", [0, MAX_IMAGES + 1])
def test_a_recipe_has_one_to_four_images(count: int) -> None:
    with pytest.raises(ValueError, match="images"):
        replace(RECIPE, images=tuple(map(ImageSeed, range(count))))


def test_a_variation_of_a_variation_appends_to_the_chain() -> None:
    assert ImageSeed(1).vary(2, 0.15).vary(3, 0.4) == ImageSeed(1, (Variation(2, 0.15), Variation(3, 0.4)))


def test_a_chain_of_variations_has_an_end() -> None:
    longest = ImageSeed(1, (Variation(2, 0.1),) * MAX_VARIATIONS)
    with pytest.raises(ValueError, match="variations"):
        longest.vary(3, 0.1)


@given(recipes)
def test_a_recipe_survives_its_json(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.canonical_json()) == recipe
    assert Recipe.from_json(recipe.canonical_json()).sha256() == recipe.sha256()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"images": 3}', json.dumps({**json.loads(RECIPE.canonical_json()), "colour": "red"})],
)
def test_what_is_no_recipes_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a recipe|unknown fields|Expecting value"):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    "values",
    [("0a" * 31, 0.5), ("0A" * 32, 0.5), ("0a" * 32, 0.0), ("0a" * 32, 1.1), ("0a" * 32, 0.5, "stretch"),
     ("0a" * 32, 0.5, "crop", "mask.png"), ("0a" * 32, 0.5, "latents", "0a" * 32),
     ("0a" * 32, 0.5, "crop", "", Placement(0, 0, 8, 8))],
)  # fmt: skip
def test_what_cannot_be_started_from_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"strength|fit|named|mask|placed"):
        InitImage(*values)


def test_a_request_carries_the_files_that_its_recipe_names() -> None:
    data = b"picture"
    recipe = replace(RECIPE, init_image=InitImage(hashlib.sha256(data).hexdigest(), 0.5))
    request = GenerationRequest(recipe, "job", 1, 0.0, "tenant", inputs=(b"other", data))
    request.check_inputs()
    assert request.input(recipe.init_image.sha256) == data  # type: ignore[union-attr]
    for inputs, reason in (((b"other",), "missing"), ((data, bytes(20 * 2**20 + 1)), "too_large")):
        with pytest.raises(BadInput) as refused:
            replace(request, inputs=inputs).check_inputs()
        assert refused.value.reason == reason


def test_a_picture_that_is_not_placed_keeps_the_json_it_had_before_there_were_places() -> None:
    text = replace(RECIPE, init_image=InitImage("0a" * 32, 0.5)).canonical_json()
    fields = {"fit": "crop", "mask": "", "sha256": "0a" * 32, "strength": 0.5}
    assert json.loads(text)["init_image"] == fields


def test_fewer_steps_are_taken_from_a_picture_and_at_least_one() -> None:
    recipe = replace(RECIPE, steps=20)
    starts = (None, InitImage("0a" * 32, 1.0), InitImage("0a" * 32, 0.6), InitImage("0a" * 32, 0.01))
    assert [replace(recipe, init_image=start).steps_taken for start in starts] == [20, 20, 12, 1]


def test_an_upscaled_image_keeps_its_seed_and_prompt() -> None:
    grown = RECIPE.upscaled(1, "0a" * 32, 2)
    assert (grown.width, grown.height, grown.images) == (2 * RECIPE.width, 2 * RECIPE.height, RECIPE.images[1:])
    assert replace(grown, width=RECIPE.width, height=RECIPE.height, images=RECIPE.images, init_image=None) == RECIPE


CRISP = Upscaler("crisp", "Crisp", "2", 4)


def test_a_picture_for_an_upscaler_goes_without_what_only_models_know() -> None:
    drawn = replace(RECIPE, loras=(LoraUse("ink", "1", 0.8),), inversions=(Inversion("toy", "1"),))
    grown = drawn.upscaled(1, "0a" * 32, 2, CRISP)
    assert grown.upscaler == UpscalerUse("crisp", "2", 2)
    assert grown.init_image == InitImage("0a" * 32, 1.0)
    assert (grown.width, grown.height, grown.images) == (256, 384, (RECIPE.images[1],))
    assert (grown.loras, grown.inversions) == ((), ())
    assert Recipe.from_json(grown.canonical_json()) == grown
    assert grown.upscaled(0, "0b" * 32, 2).upscaler is None


def test_name_revision_and_factor_of_an_upscaler_decide_the_pixels() -> None:
    grown = RECIPE.upscaled(0, "0a" * 32, 2, CRISP)
    uses = [UpscalerUse("crisp", "2", 2), UpscalerUse("sharp", "2", 2), UpscalerUse("crisp", "3", 2)]
    hashes = {replace(grown, upscaler=use).sha256() for use in (*uses, UpscalerUse("crisp", "2", 4), None)}
    assert len(hashes) == 5


def test_an_upscaler_takes_one_whole_picture_of_a_size_that_can_grow_to_the_recipes() -> None:
    grown = RECIPE.upscaled(0, "0a" * 32, 2, CRISP)
    changes: list[dict[str, Any]] = [
        {"init_image": None},
        {"init_image": InitImage("0a" * 32, 1.0, mask="0b" * 32)},
        {"images": RECIPE.images},
        {"width": 257},
    ]
    for change in changes:
        with pytest.raises(ValueError, match=r"takes one picture|is no size"):
            replace(grown, **change)
    for factor in (0, 1, 3, 8, True, 2.5):
        with pytest.raises(ValueError, match="factor"):
            UpscalerUse("crisp", "1", factor)  # type: ignore[arg-type]


@pytest.mark.parametrize(("guidance_scale", "guided"), [(0.0, False), (1.0, False), (1.001, True), (7.5, True)])
def test_guidance_has_a_part_from_one_on(guidance_scale: float, guided: bool) -> None:
    assert replace(RECIPE, guidance_scale=guidance_scale).guided is guided
