"""Memory profiles: which is chosen, what they do to a model, and what they leave as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from engine.api import GenerationRequest, ImageSeed, ModelUnavailable, Recipe
from engine.catalog import Catalog
from engine.settings import MemorySetting, Service
from engine.wire import Draw, JobFinished
from engine.worker.jobs import WorkerJob, begin_job
from engine.worker.loading.memory import Memory
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.offload import ModelOffload
from engine.worker.loading.pipelines import LoadedModel, load_parts
from engine.worker.loading.profiles import BALANCED, HIGH, LOW, MemorySaving, Need, choose, decode_bytes
from engine.worker.loading.proofs import RowRules
from engine.worker.loading.weights import count_bytes, modules_of, tensors_of
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import decode
from tests.engine.stand_in_checker import any_checker

PLENTY = 10**12
CPU = torch.device("cpu")
NEED = Need(weights=4_000, decode=1_000)
SIDE = 64
Denoise = Callable[[LoadedModel, Recipe], WorkerJob]
MakeModels = Callable[..., ModelCache]


@dataclass(frozen=True)
class Sizes:
    """Bytes that a model takes on its device, as a whole and when its parts take turns."""

    whole: int
    turns: int


@pytest.fixture
def card(device: Device) -> Device:
    """What a card is to the choice of a profile: not a CPU."""
    return replace(device, where=torch.device("cuda"))


@pytest.mark.parametrize(("free", "expected"), [(5_000, HIGH), (4_999, BALANCED), (4_000, BALANCED), (3_999, LOW)])
def test_auto_chooses_the_fastest_that_fits_and_the_log_says_which_and_why(
    free: int, expected: MemorySaving, card: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert choose("sd15", card, NEED, free, own_memory=True) == expected
    assert f"sd15 has the memory profile {expected.name}, because " in caplog.text


@pytest.mark.parametrize("profile", [HIGH, BALANCED, LOW], ids=lambda profile: profile.name)
def test_a_profile_that_the_settings_name_is_taken_whatever_is_free(profile: MemorySaving, card: Device) -> None:
    for free in (0, PLENTY):
        assert choose("sd15", replace(card, memory=profile.name), NEED, free, own_memory=True) == profile


def test_on_a_cpu_auto_does_nothing_and_nothing_that_changes_a_bit_is_ever_done_in_exact(device: Device) -> None:
    assert choose("sd15", device, NEED, 0, own_memory=False) == HIGH
    low = choose("sd15", replace(device, memory="low"), NEED, 0, own_memory=False)
    assert low == MemorySaving("low", slices_vae=True)
    fast = replace(device, memory="low", service="fast")
    assert choose("sd15", fast, NEED, 0, own_memory=False) == replace(LOW, offloads_parts=False)


def test_decoding_is_told_from_the_vae_and_the_pictures_size() -> None:
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    )
    assert decode_bytes(vae, 64 * 64) == 4 * 16 * 64 * 64 * 4
    assert decode_bytes(vae.to(torch.float16), 64 * 64) == 4 * 16 * 64 * 64 * 2


@pytest.fixture
def models(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector) -> MakeModels:
    """Make the models, tiny and its like, of a worker whose device has so many bytes of its own memory."""

    def make(
        on_device: int,
        memory: MemorySetting = "auto",
        service: Service = "exact",
        measure: Callable[[], int] = lambda: PLENTY,
    ) -> ModelCache:
        own = replace(device, memory=memory, service=service)
        room, in_ram = Memory(measure, 0, on_device), Memory(lambda: PLENTY)
        (entry,) = make_catalog(tiny_folder).entries
        catalog = Catalog((entry, replace(entry, info=replace(entry.info, id="other"))))
        return ModelCache(catalog, own, floor, any_checker, on_device=room, in_ram=in_ram)

    return make


@pytest.fixture
def fresh(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device) -> Callable[[MemorySaving], Any]:
    """The tiny model's pipeline with a profile applied as it is, whatever the device."""

    def make(profile: MemorySaving) -> Any:
        pipeline = load_parts(make_catalog(tiny_folder).entries[0], device, any_checker).pipeline
        profile.apply(pipeline)
        return pipeline

    return make


@pytest.fixture
def draw(tiny: LoadedModel, denoise: Denoise, recipe: Recipe) -> Callable[..., Any]:
    """Draw with a pipeline; give back the pixels."""

    def do(pipeline: Any, **changes: Any) -> Any:
        model = fast(tiny, pipeline)
        (drawing,) = denoise(model, replace(recipe, scheduler="Euler a", **changes)).image_states
        return np.asarray(to_picture(decode(drawing)))

    return do


@pytest.mark.parametrize("size", [(64, 64), (128, 96)])
def test_slicing_the_vae_changes_no_bit(
    fresh: Callable[[MemorySaving], Any], draw: Callable[..., Any], size: tuple[int, int]
) -> None:
    width, height = size
    sliced = fresh(MemorySaving("low", slices_vae=True))
    assert sliced.vae.use_slicing
    pictures = [draw(pipeline, width=width, height=height) for pipeline in (fresh(HIGH), sliced)]
    assert np.array_equal(*pictures)


def test_tiling_the_vae_changes_only_pictures_larger_than_a_tile(
    fresh: Callable[[MemorySaving], Any], draw: Callable[..., Any]
) -> None:
    plain, tiled = fresh(HIGH), fresh(MemorySaving("low", tiles_vae=True))
    assert np.array_equal(draw(plain), draw(tiled))
    assert not np.array_equal(draw(plain, width=128), draw(tiled, width=128))


def test_a_tile_is_as_large_as_the_pictures_the_vae_was_trained_on_but_no_larger_than_512() -> None:
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    for trained, tile in ((1024, (512, 256)), (64, (64, 32))):
        vae = AutoencoderKL(block_out_channels=(4, 4), norm_num_groups=2, sample_size=trained, **blocks)
        MemorySaving("low", tiles_vae=True).apply(SimpleNamespace(vae=vae))
        assert (vae.tile_sample_min_size, vae.tile_latent_min_size) == tile
        assert vae.decode(torch.zeros(1, 4, tile[1] + 8, 8)).sample.shape == (1, 3, 2 * (tile[1] + 8), 16)


def test_slicing_attention_is_not_equal_in_every_bit_which_is_why_exact_on_a_cpu_goes_without(
    fresh: Callable[[MemorySaving], Any], tiny: LoadedModel, denoise: Denoise, recipe: Recipe
) -> None:
    models = [fast(tiny, fresh(profile)) for profile in (HIGH, MemorySaving("low", slices_attention=True))]
    plain, sliced = (denoise(model, recipe).image_states[0].latents for model in models)
    assert not torch.equal(plain, sliced)
    assert torch.allclose(plain, sliced, atol=1e-3)


@pytest.fixture(scope="module")
def sizes(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device) -> Sizes:
    """Bytes of the tiny model."""
    parts = load_parts(make_catalog(tiny_folder).entries[0], device, any_checker)
    largest = max(count_bytes([part]) for part in modules_of(parts.pipeline).values())
    checker = count_bytes(parts.checker_modules())
    return Sizes(count_bytes(parts.modules()), largest + checker)


def test_a_model_larger_than_its_device_is_drawn_with_part_by_part_and_is_the_same_picture(
    models: MakeModels, denoise: Denoise, recipe: Recipe, sizes: Sizes, stock: Callable[..., Any]
) -> None:
    several = models(sizes.turns)
    model = several.get("tiny")
    assert (model.memory, several.loaded()) == ("low", (("tiny",), ()))
    (drawing,) = denoise(model, recipe).image_states
    assert np.array_equal(np.asarray(to_picture(decode(drawing))), np.asarray(stock(recipe)))
    with pytest.raises(ModelUnavailable, match="GB of memory"):
        models(sizes.turns - 1).get("tiny")


def test_auto_takes_what_is_free_on_the_device_into_account(models: MakeModels, sizes: Sizes) -> None:
    decode = 4 * 8 * SIDE * SIDE * 4
    assert models(sizes.whole + decode).get("tiny").memory == "high"
    assert models(sizes.whole + decode - 1).get("tiny").memory == "balanced"
    assert models(sizes.whole - 1).get("tiny").memory == "low"


def test_one_part_is_on_the_device_at_a_time_and_the_others_rest_where_they_were(tiny_parts: Any) -> None:
    pipeline = tiny_parts
    places = {name: place(part) for name, part in modules_of(pipeline).items()}
    turns = ModelOffload(modules_of(pipeline).values(), CPU)
    seen: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def see(*_: Any) -> None:
            moved = {other for other, part in modules_of(pipeline).items() if place(part) != places[other]}
            assert moved == {name}
            seen.append(name)

        return see

    pipeline.text_encoder.get_input_embeddings().register_forward_pre_hook(look("text_encoder"))
    pipeline.unet.conv_in.register_forward_pre_hook(look("unet"))
    pipeline.vae.decoder.register_forward_pre_hook(look("vae"))
    pipeline("a red apple", height=SIDE, width=SIDE, num_inference_steps=2)
    assert list(dict.fromkeys(seen)) == ["text_encoder", "unet", "vae"]
    turns.rest()
    assert {name: place(part) for name, part in modules_of(pipeline).items()} == places


def test_a_newcomer_is_prepared_while_others_are_drawn_part_by_part(
    models: MakeModels,
    make_parent: Callable[..., Any],
    tiny_folder: Path,
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    sizes: Sizes,
) -> None:
    """The step thread and a service thread use parts of the same model at the same time."""
    wanted = [replace(recipe, steps=12, images=(ImageSeed(number),)) for number in range(6)]
    pictures = []
    for room in (PLENTY, sizes.turns):
        parent = make_parent(tiny_folder)
        parent.models = models(room)
        parent.run(*(Draw(request_for(each, f"job-{number}")) for number, each in enumerate(wanted)))
        finished = {message.job_id: message for message in parent.of(JobFinished)}
        pictures.append([finished[f"job-{number}"].images[0].image.sha256 for number in range(6)])
        assert {message.facts.memory for message in finished.values()} == {"high" if room == PLENTY else "low"}
    assert pictures[0] == pictures[1]


def test_a_model_that_takes_turns_leaves_the_device_and_comes_back(
    models: MakeModels, denoise: Denoise, recipe: Recipe, sizes: Sizes
) -> None:
    several = models(sizes.turns, service="fast")
    model = several.get("tiny")
    latents = denoise(model, recipe).image_states[0].latents
    several.get("other")
    assert several.loaded() == (("other",), ("tiny",))
    assert several.get("tiny") is model
    assert torch.equal(denoise(model, recipe).image_states[0].latents, latents)


@pytest.mark.parametrize(("room", "loaded"), [(1, (("other",), ("tiny",))), (2, (("tiny", "other"), ()))])
def test_a_part_whose_turn_it_is_not_keeps_its_place(models: MakeModels, sizes: Sizes, room: int, loaded: Any) -> None:
    """What is measured to be free while only a small part is on the device is not given to another model."""
    free = [PLENTY]
    several = models(PLENTY, "low", "fast", lambda: free[0])
    several.get("tiny").pipeline.vae.decode(torch.zeros(1, 4, 8, 8))
    free[0] = room * sizes.turns
    several.get("other")
    assert several.loaded() == loaded


def test_an_image_lies_where_it_is_drawn_whatever_part_is_there(
    tiny: LoadedModel, recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    elsewhere = replace(tiny, where=torch.device("meta"))
    (drawing,) = begin_job(request_for(recipe), elsewhere).image_states
    for tensor in (drawing.latents, drawing.unet_timesteps, drawing.conditioning.context):
        assert tensor.device == elsewhere.where


@pytest.fixture
def tiny_parts(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device) -> Any:
    """A pipeline of the tiny model that a test may wrap."""
    pipeline = load_parts(make_catalog(tiny_folder).entries[0], device, any_checker).pipeline
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def fast(model: LoadedModel, pipeline: Any) -> LoadedModel:
    """Return the model with another pipeline, in the class `fast`."""
    return replace(model, pipeline=pipeline, rules=RowRules(pipeline.unet, 16, exact=False), exact=False)


def place(part: Any) -> set[int]:
    """Return where the tensors of a part lie."""
    return {tensor.data_ptr() for tensor in tensors_of(part)}
