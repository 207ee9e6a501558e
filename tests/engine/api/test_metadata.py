"""A1111's text of parameters, read from what many programs write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import ImageSeed, InitImage, Parameters, Recipe, Upscaler, Variation, parameters_text, read_parameters
from engine.api.embedded_texts import PARAMETERS, RECIPE
from engine.api.metadata import embedded_texts, read_metadata
from engine.catalog.schedulers import SCHEDULERS

VALUES = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768, Model hash: 6ce0161689, Model: dreamy"
READ = Parameters(
    prompt="a red apple",
    negative_prompt="leaves",
    model="dreamy",
    width=512,
    height=768,
    steps=20,
    guidance_scale=7.0,
    scheduler="Euler a",
    seed=ImageSeed(1),
)
OURS = Recipe("sd15", "1", "a red apple", "", 512, 512, 20, 7.0, "Euler a", (ImageSeed(1),))

HALF = OURS.canonical_json()[:-1]
NO_TEXT = OURS.canonical_json().replace('"a red apple"', "5")
GIANT = "9" * 400  # a whole number larger than any float
GIANTS = [
    OURS.canonical_json().replace(f'"{name}":{value}', f'"{name}":{GIANT}')
    for name, value in (("width", "512"), ("guidance_scale", "7.0"), ("seed", "1"))
]

# What A1111 calls them: sampler, and noise schedule.
SAMPLERS = {
    "DPM++ 2M",
    "DPM++ 2M SDE",
    "DPM++ SDE",
    "Euler",
    "Euler a",
    "Heun",
    "DDIM",
    "UniPC",
    "LMS",
    "DPM2",
    "DPM2 a",
}
SCHEDULES = ("Karras", "Exponential")


def read(text: str) -> Parameters:
    found = read_parameters(text)
    assert found is not None
    return found


def test_the_form_is_that_of_a1111() -> None:
    recipe = replace(OURS, scheduler="DPM++ 2M Karras", negative_prompt="leaves")

    assert parameters_text(recipe).rpartition(", Version: Easel ")[0] == (
        "a red apple\n"
        "Negative prompt: leaves\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: sd15"
    )


def test_a_picture_drawn_over_another_tells_its_strength() -> None:
    recipe = replace(OURS, init_image=InitImage("0" * 64, 0.6))

    assert "Denoising strength: 0.6" in parameters_text(recipe)
    assert read(parameters_text(recipe)).from_picture


def test_what_an_upscaler_made_names_it_as_a1111_does() -> None:
    text = parameters_text(OURS.upscaled(0, "0a" * 32, 2, Upscaler("crisp", "Crisp", "1", 4)))

    assert "Size: 1024x1024, Model: sd15, Postprocess upscale by: 2, Postprocess upscaler: crisp, " in text
    assert "Denoising" not in text


def test_skipped_layers_are_counted_as_a1111_counts_them() -> None:
    assert "Clip skip: 2," in parameters_text(replace(OURS, clip_skip=1))
    assert "Clip skip" not in parameters_text(OURS)
    assert read(f"x\n{VALUES}, Clip skip: 2").clip_skip == 1


def test_every_noise_scheduler_on_offer_has_a_name_that_a1111_knows() -> None:
    unknown = []
    for name in SCHEDULERS:
        sampler, _, schedule = name.rpartition(" ")
        if name not in {*SAMPLERS, "LCM"} and not (sampler in SAMPLERS and schedule in SCHEDULES):
            unknown.append(name)

    assert unknown == []


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_name_of_a_noise_scheduler_comes_back(name: str) -> None:
    assert read(parameters_text(replace(OURS, scheduler=name))).scheduler == name


def test_a_plain_schedule_is_named_where_a1111_would_take_another() -> None:
    assert "Sampler: DPM++ 2M, Schedule type: Uniform," in parameters_text(replace(OURS, scheduler="DPM++ 2M"))
    assert "Schedule type" not in parameters_text(replace(OURS, scheduler="Euler"))


def test_all_values_are_read() -> None:
    assert read(f"a red apple\nNegative prompt: leaves\n{VALUES}, Version: v1.9.4") == READ


@pytest.mark.parametrize(
    ("values", "scheduler"),
    [
        ("Sampler: DPM++ 2M Karras", "DPM++ 2M Karras"),
        ("Sampler: DPM++ 2M, Schedule type: Karras", "DPM++ 2M Karras"),
        ("Sampler: DPM++ 2M Karras, Schedule type: Karras", "DPM++ 2M Karras"),
        ("Sampler: DPM++ 2M, Schedule type: Automatic", "DPM++ 2M Karras"),
        ("Sampler: DPM++ 2M, Schedule type: Uniform", "DPM++ 2M"),
        ("Sampler: Euler a, Schedule type: Automatic", "Euler a"),
        ("Sampler: DPM++ 2M", "DPM++ 2M"),
    ],
)
def test_sampler_and_schedule_are_one_noise_scheduler(values: str, scheduler: str) -> None:
    assert read(f"x\nSteps: 20, {values}, Seed: 1, Size: 64x64").scheduler == scheduler


def test_clip_skip_is_counted_from_1_as_a1111_does() -> None:
    assert read(f"x\n{VALUES}, Clip skip: 2").clip_skip == 1
    assert read(parameters_text(replace(OURS, clip_skip=3))).clip_skip == 3
    assert "Clip skip: 4" in parameters_text(replace(OURS, clip_skip=3))


def test_a_variation_is_read() -> None:
    found = read(f"x\n{VALUES}, Variation seed: 9, Variation seed strength: 0.25")

    assert found.seed == ImageSeed(1, (Variation(9, 0.25),))


def test_prompts_may_have_several_lines() -> None:
    found = read(f"one\ntwo\nNegative prompt: three\nfour\n{VALUES}")

    assert (found.prompt, found.negative_prompt) == ("one\ntwo", "three\nfour")


def test_lines_after_the_values_are_those_of_other_programs() -> None:
    assert read(f"a red apple\nNegative prompt: leaves\n{VALUES}\nTemplate: x") == READ


def test_quoted_values_may_hold_commas_and_colons() -> None:
    quoted = 'Lora hashes: "ink: 0123, pen: 4567", Model: "odd, name: \\"v2\\""'

    assert read(f"x\nSteps: 2, Sampler: Euler, Seed: 1, {quoted}").model == 'odd, name: "v2"'


def test_a_picture_enlarged_while_it_was_drawn_did_not_start_from_another() -> None:
    assert not read(f"x\n{VALUES}, Denoising strength: 0.5, Hires upscale: 2").from_picture


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("Steps: many", "Steps"),
        ("Steps: 99999", "Steps"),
        ("CFG scale: nan", "CFG scale"),
        ("CFG scale: -1", "CFG scale"),
        ("Seed: -1", "Seed"),
        ("Seed: 99999999999999999999999", "Seed"),
        ("Size: large", "Size"),
        ("Clip skip: 0", "Clip skip"),
        ("Variation seed strength: 7", "Variation seed strength"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_and_the_rest_is_kept(wrong: str, name: str) -> None:
    found = read(f"x\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, {wrong}")

    assert found.unreadable == (name,)
    assert (found.prompt, found.scheduler) == ("x", "Euler")


@pytest.mark.parametrize("text", ["", "a holiday photo", "Steps: 5", "Steps: 5, Seed: 1", "Negative prompt: x"])
def test_a_text_without_a_line_of_values_tells_nothing(text: str) -> None:
    assert read_parameters(text) is None


@pytest.mark.parametrize("broken", ["", "{}", "[]", "[" * 100_000, '{"images": 5}', HALF, NO_TEXT, *GIANTS])
def test_a_recipe_that_cannot_be_read_leaves_the_word_to_the_parameters(broken: str) -> None:
    texts = {RECIPE: broken, PARAMETERS: f"a red apple\nNegative prompt: leaves\n{VALUES}"}

    assert read_metadata(texts) == READ
    assert read_metadata({RECIPE: broken}) is None


@given(st.text(st.sampled_from('\n\r:,"\\ x') | st.characters(codec="utf-8"), max_size=80))
def test_any_prompt_comes_back_exactly_from_our_own_files(prompt: str) -> None:
    found = read_metadata(embedded_texts(replace(OURS, prompt=prompt), 0))

    assert found is not None
    assert found.prompt == prompt


@given(st.text(st.sampled_from('\n:,"\\ x'), max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert read_parameters(text) is None
    read_parameters(f"{text}\n{VALUES}{text}")  # whatever becomes of the values
    found = read_parameters(f"{text}\n{VALUES}")
    assert found is not None
    assert found.prompt == text.strip()


@pytest.mark.parametrize("piece", [',a:"', ',a:"\\', "a ", "a:", '"', "\n", "Negative prompt:", ',a:\\"'])
def test_reading_takes_time_in_proportion_to_the_length(piece: str) -> None:
    line = piece * (250_000 // len(piece))
    read_parameters(line + VALUES)  # whatever becomes of the values
    assert read_parameters(f"{line}\n{VALUES}") is not None


@pytest.mark.parametrize("piece", ["\r", "\n", "\n ", "\r\n\r", "\nNegative prompt:"])
def test_writing_takes_time_in_proportion_to_the_length(piece: str) -> None:
    text = parameters_text(replace(OURS, prompt=f"a{piece * (20_000 // len(piece))}b"))

    assert text.startswith("a")
    assert text.splitlines()[-1].startswith("Steps: 20, ")
