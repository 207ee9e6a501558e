from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.api import (
    ImageSeed,
    InitImage,
    InvalidSize,
    Inversion,
    Lora,
    LoraOfOtherFamily,
    LoraUse,
    ModelInfo,
    NotHereYet,
    OutOfRange,
    Prompt,
    Recipe,
    RecipeDraft,
    Refused,
    SchedulerInfo,
    Size,
    UnknownInversion,
    UnknownLora,
    UnknownScheduler,
    UnknownUpscaler,
    Upscaler,
    parse_prompt,
)

MODEL = ModelInfo(
    id="pocket",
    title="Pocket",
    family="sd1",
    revision="1",
    licence="MIT",
    description="Small.",
    sizes=(Size("square", 128, 128), Size("portrait", 128, 192), Size("landscape", 192, 128)),
    size_step=8,
    min_side=64,
    max_side=256,
    steps=20,
    min_steps=1,
    max_steps=60,
    guidance_scale=4.5,
    min_guidance=1.0,
    max_guidance=15.0,
    schedulers=(SchedulerInfo("DPM++ 2M"), SchedulerInfo("Euler", min_steps=2, max_steps=40)),
    scheduler="DPM++ 2M",
)
RECIPE = Recipe("pocket", "1", "a red apple", "", 128, 128, 20, 4.5, "Euler", (ImageSeed(7),))


def read(*prompts: str) -> list[Prompt]:
    return [parse_prompt(prompt) for prompt in prompts]


def test_a_recipe_within_the_models_ranges_passes() -> None:
    MODEL.check(RECIPE)
    MODEL.check(replace(RECIPE, width=64, height=256, steps=60, guidance_scale=15, scheduler="DPM++ 2M"))


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((100, 128), ("128x128", "128x192")),
        ((320, 128), ("192x128", "128x128")),
        ((128, 1024), ("128x192", "128x128")),
        ((8, 8), ("128x128", "128x192")),
    ],
)
def test_a_wrong_size_names_the_two_nearest_right_ones(size: tuple[int, int], nearest: tuple[str, str]) -> None:
    with pytest.raises(InvalidSize) as refused:
        MODEL.check_size(*size)
    assert refused.value.nearest == nearest
    assert all(name in str(refused.value) for name in nearest)


@pytest.mark.parametrize(
    ("change", "field", "low", "high"),
    [
        ({"steps": 61}, "steps", 1, 60),
        ({"steps": 41}, "steps with Euler", 2, 40),
        ({"steps": 1}, "steps with Euler", 2, 40),
        ({"guidance_scale": 15.1}, "guidance", 1.0, 15.0),
        ({"guidance_scale": 0.9}, "guidance", 1.0, 15.0),
        ({"clip_skip": 11}, "clip skip", 0, 10),
    ],
)
def test_a_number_out_of_range_names_the_range(change: dict[str, Any], field: str, low: float, high: float) -> None:
    with pytest.raises(OutOfRange) as refused:
        MODEL.check(replace(RECIPE, **change))
    assert (refused.value.field, refused.value.low, refused.value.high) == (field, low, high)


def test_a_scheduler_the_model_does_not_offer_names_those_it_does() -> None:
    with pytest.raises(UnknownScheduler) as refused:
        MODEL.check(replace(RECIPE, scheduler="DDIM"))
    assert refused.value.known == ("DPM++ 2M", "Euler")


def test_a_recipe_names_the_inversions_that_its_prompts_do() -> None:
    toy, small, bad = Inversion("<toy>", "1"), Inversion("Toy", "1"), Inversion("toy-2", "1")
    model = replace(MODEL, inversions=(toy, small, bad))
    assert model.inversions_in(*read("a <toy>, a tree", "a toybox")) == (toy,)
    assert model.inversions_in(*read("a tree", "a (TOY-2:1.2)")) == (bad,)
    assert model.inversions_in(*read("a toy", "toy-2")) == (small, bad)
    assert model.inversions_in(*read("<lora:toy:1> a (to)y")) == ()
    assert MODEL.inversions_in(*read("a toy")) == ()


def test_an_inversion_that_is_gone_or_changed_is_refused() -> None:
    model = replace(MODEL, inversions=(Inversion("toy", "2"),))
    model.check(replace(RECIPE, inversions=(Inversion("toy", "2"),)))
    for inversion in (Inversion("toy", "1"), Inversion("boy", "2")):
        with pytest.raises(UnknownInversion) as refused:
            model.check(replace(RECIPE, inversions=(inversion,)))
        assert (refused.value.word, refused.value.known) == (inversion.word, ("toy",))


def test_a_recipe_names_the_loras_that_its_prompts_do() -> None:
    ink, pixel = Lora("ink", "1", "sd1"), Lora("Pixel Art", "2", "sd1")
    model = replace(MODEL, loras=(ink, pixel))
    assert model.loras_in(*read("a <lora:pixel art:0.5> tree", "<lora:ink>")) == (
        LoraUse("Pixel Art", "2", 0.5),
        LoraUse("ink", "1", 1.0),
    )
    assert model.loras_in(*read("<lora:ink:0.5> <lora:INK:0.25>")) == (LoraUse("ink", "1", 0.75),)
    assert model.loras_in(*read("<lora:ink:0>", r"\<lora:nothing:1>")) == ()


def test_a_lora_without_a_weight_has_its_own() -> None:
    model = replace(MODEL, loras=(Lora("ink", "1", "sd1", weight=0.7),))
    assert model.loras_in(*read("<lora:ink>")) == (LoraUse("ink", "1", 0.7),)
    assert model.loras_in(*read("<lora:ink:0>")) == ()


def test_a_recipe_has_a_few_loras_at_most() -> None:
    model = replace(MODEL, loras=tuple(Lora(name, "1", "sd1") for name in "abcdef"))
    assert len(model.loras_in(*read(*(f"<lora:{name}:1>" for name in "abcde")))) == 5
    with pytest.raises(OutOfRange) as refused:
        model.loras_in(*read(*(f"<lora:{name}:1>" for name in "abcdef")))
    assert (refused.value.field, refused.value.high) == ("LoRAs", 5)
    with pytest.raises(OutOfRange):
        model.check(replace(RECIPE, loras=tuple(LoraUse(name, "1", 1.0) for name in "abcdef")))


def test_what_is_not_here_yet_is_not_offered_and_says_so_when_it_is_asked_for() -> None:
    ink, pen, toy = Lora("ink", "1", "sd1"), Lora("pen", "1", "sd1"), Inversion("toy", "1")
    model = replace(MODEL, loras=(ink, pen, Lora("oil", "1", "sdxl")), inversions=(toy,))
    model = replace(model, absent_loras=(ink,), absent_inversions=(toy,))
    assert model.offered_loras() == (pen,)
    wanted: list[Callable[[], object]] = [
        lambda: model.loras_in(*read("<lora:ink:1>")),
        lambda: model.inversions_in(*read("a toy")),
        lambda: model.check(replace(RECIPE, loras=(LoraUse("ink", "1", 1.0),))),
        lambda: model.check(replace(RECIPE, inversions=(toy,))),
    ]
    for ask in wanted:
        with pytest.raises(NotHereYet, match=r"(LoRA 'ink'|textual inversion 'toy') is not here yet"):
            ask()
    model.check(replace(RECIPE, loras=(LoraUse("pen", "1", 1.0),)))


def test_a_lora_that_cannot_change_the_model_is_refused() -> None:
    model = replace(MODEL, loras=(Lora("ink", "1", "sd1"), Lora("oil", "1", "sdxl")))
    with pytest.raises(UnknownLora) as unknown:
        model.loras_in(*read("<lora:../../ink:1>"))
    assert (unknown.value.lora, unknown.value.known) == ("../../ink", ("ink",))
    with pytest.raises(LoraOfOtherFamily) as other:
        model.loras_in(*read("<lora:oil:1>"))
    assert (other.value.family, other.value.wanted) == ("sdxl", "sd1")
    with pytest.raises(OutOfRange):
        model.loras_in(*read("<lora:ink:2.5> <lora:ink:2>"))


def test_a_lora_of_a_recipe_that_is_gone_or_changed_is_refused() -> None:
    model = replace(MODEL, loras=(Lora("ink", "2", "sd1"), Lora("oil", "1", "sdxl")))
    model.check(replace(RECIPE, loras=(LoraUse("ink", "2", 1.0),)))
    for use in (LoraUse("ink", "1", 1.0), LoraUse("oil", "1", 1.0), LoraUse("pen", "1", 1.0)):
        with pytest.raises(UnknownLora):
            model.check(replace(RECIPE, loras=(use,)))


def test_a_picture_may_grow_to_twice_what_the_model_draws_from_nothing() -> None:
    large = replace(RECIPE, width=MODEL.max_side * 2, height=MODEL.max_side * 2)
    MODEL.check(replace(large, init_image=InitImage("0a" * 32, 0.3, "latents")))
    for init_image in (None, InitImage("0a" * 32, 0.3)):
        with pytest.raises(InvalidSize):
            MODEL.check(replace(large, init_image=init_image))
    with pytest.raises(InvalidSize):
        MODEL.check(replace(RECIPE.upscaled(0, "0a" * 32, 4), width=MODEL.max_side * 4))


def test_what_an_upscaler_makes_may_be_larger_than_the_model_draws() -> None:
    crisp = Upscaler("crisp", "Crisp", "1", 4)
    model = replace(MODEL, upscalers=(crisp,))
    large = replace(RECIPE, width=MODEL.max_side, height=MODEL.max_side)
    model.check(large.upscaled(0, "0a" * 32, 4, crisp))


def test_an_upscaler_that_is_gone_changed_or_too_weak_is_refused() -> None:
    crisp = Upscaler("crisp", "Crisp", "1", 2)
    model = replace(MODEL, upscalers=(crisp,))
    model.check(RECIPE.upscaled(0, "0a" * 32, 2, crisp))
    for upscaler, factor in ((replace(crisp, revision="2"), 2), (replace(crisp, name="sharp"), 2), (crisp, 4)):
        with pytest.raises(UnknownUpscaler) as unknown:
            model.check(RECIPE.upscaled(0, "0a" * 32, factor, upscaler))
        assert unknown.value.known == ("crisp",)


def test_of_upscalers_the_one_with_the_least_to_reduce_is_taken() -> None:
    four, two, other = Upscaler("a", "A", "1", 4), Upscaler("b", "B", "1", 2), Upscaler("c", "C", "1", 2)
    assert replace(MODEL, upscalers=(four, two, other)).upscaler(2) == two
    assert replace(MODEL, upscalers=(two, four)).upscaler(4) == four
    assert replace(MODEL, upscalers=(two,)).upscaler(4) is None
    assert MODEL.upscaler(2) is None


def test_a_draft_that_says_nothing_is_drawn_by_the_models_defaults() -> None:
    model = replace(MODEL, negative_prompt="blurry", clip_skip=1)
    assert model.complete(RecipeDraft("a red apple"), (ImageSeed(7),)) == Recipe(
        "pocket", "1", "a red apple", "blurry", 128, 128, 20, 4.5, "DPM++ 2M", (ImageSeed(7),), clip_skip=1
    )


def test_what_a_draft_says_is_drawn_even_where_it_is_nothing() -> None:
    model = replace(MODEL, negative_prompt="blurry", clip_skip=1)
    draft = RecipeDraft("a cat", "", 64, 256, 5, 0.0, "Euler", 0)
    start = InitImage("0" * 64, 0.5)
    assert model.complete(draft, (ImageSeed(7), ImageSeed(8)), start) == Recipe(
        "pocket", "1", "a cat", "", 64, 256, 5, 0.0, "Euler", (ImageSeed(7), ImageSeed(8)), init_image=start
    )


def test_a_completed_recipe_names_the_addons_of_both_its_prompts() -> None:
    ink, bad = Lora("ink", "3", "sd1"), Inversion("bad-hands", "1")
    model = replace(MODEL, negative_prompt="bad-hands", loras=(ink,), inversions=(bad,))
    recipe = model.complete(RecipeDraft("a tree <lora:ink:0.5>"), (ImageSeed(7),))
    assert (recipe.loras, recipe.inversions) == ((LoraUse("ink", "3", 0.5),), (bad,))


def test_a_recipe_holds_no_half_of_a_character() -> None:
    recipe = MODEL.complete(RecipeDraft("a \ud83c cat", "a \udcff dog"), (ImageSeed(7),))
    assert (recipe.prompt, recipe.negative_prompt) == ("a ? cat", "a ? dog")


def test_a_model_gets_ready_for_its_defaults_even_if_an_addon_of_theirs_is_not_here() -> None:
    bad = Inversion("bad-hands", "1")
    model = replace(
        MODEL, negative_prompt="bad-hands <lora:gone>", clip_skip=1, inversions=(bad,), absent_inversions=(bad,)
    )
    recipe = model.usual_recipe()
    assert (recipe.negative_prompt, recipe.clip_skip) == ("bad-hands <lora:gone>", 1)
    assert (recipe.inversions, recipe.loras) == ((), ())


@pytest.mark.parametrize(
    ("draft", "refused"),
    [
        (RecipeDraft(width=-8), InvalidSize(-8, 128, ("128x128", "128x192"))),
        (RecipeDraft(height=10**6), InvalidSize(128, 10**6, ("128x192", "128x128"))),
        (RecipeDraft(steps=0), OutOfRange("steps", 0, 1, 60)),
        (RecipeDraft(guidance_scale=1000.0), OutOfRange("guidance", 1000.0, 1.0, 15.0)),
        (RecipeDraft(clip_skip=-1), OutOfRange("clip skip", -1, 0, 10)),
    ],
)
def test_a_number_that_no_recipe_holds_is_refused_by_its_range(draft: RecipeDraft, refused: Refused) -> None:
    with pytest.raises(type(refused)) as raised:
        MODEL.check_draft(draft)
    assert raised.value.args == refused.args
    MODEL.check_draft(RecipeDraft())
