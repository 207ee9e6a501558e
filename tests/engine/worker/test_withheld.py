"""The gate inside a worker: whatever a job draws passes it, previews too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.api import GenerationRequest, ImageSeed, ModelUnavailable, Preview, Recipe, ReviewedImage, Verdict
from engine.catalog import Catalog, Source
from engine.encoding import decode_picture
from engine.wire import Draw, FromWorker, JobFailed, JobFinished, JobProgress
from engine.worker.jobs import WorkerJob
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel, load_parts
from engine.worker.loading.weights import estimate_bytes
from engine.worker.loop import run_worker
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector, Identity, load_checker
from engine.worker.safety.floor import PROOF
from engine.worker.sampling.batch import decode
from tests.engine.stand_in_checker import any_checker

FOUR = tuple(ImageSeed(seed) for seed in (1, 2, 3, 4))
Plant = Callable[[Image.Image, Sequence[Image.Image]], Path]


@pytest.fixture
def plant(
    edit_checker: Callable[[Callable[[dict[str, Tensor]], Any]], Path],
    tiny: LoadedModel,
    tiny_folder: Path,
    device: Device,
) -> Plant:
    """Make concept 3 of the copied model's checker one picture and none of the others; give back the folder."""

    def do(picture: Image.Image, others: Sequence[Image.Image]) -> Path:
        checker = load_checker(Source(folder=tiny_folder), device, Identity())
        wanted = checker.embed([picture])
        nearest = max(float(torch.cosine_similarity(wanted, checker.embed([other]))) for other in others)
        assert nearest < 0.99999

        def change(tensors: dict[str, Tensor]) -> None:
            tensors["concept_embeds_weights"].fill_(2.0)
            tensors["concept_embeds_weights"][3] = (1 + nearest) / 2
            tensors["concept_embeds"][3] = wanted[0]

        return edit_checker(change)

    return do


def pictures(images: Sequence[ReviewedImage | None]) -> list[Image.Image]:
    return [decode_picture(image.data) for image in images if image]


def test_of_four_pictures_only_the_unsafe_one_is_withheld(
    parent: Any, make_parent: Callable[..., Any], plant: Plant, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    request = request_for(replace(recipe, images=FOUR), previews=False)
    allowed = pictures([result.image for result in parent.run(Draw(request))[-1].images])
    folder = plant(allowed[2], [allowed[0], allowed[1], allowed[3]])
    finished = make_parent(folder).run(Draw(request))[-1]
    assert [result.verdict for result in finished.images] == [*["allow"] * 2, "block", "allow"]
    assert finished.images[2].image is None
    assert finished.images[2].reason.startswith("checker: concept 3 by ")
    assert [result.index for result in finished.images] == [0, 1, 2, 3]
    three = [np.asarray(picture) for picture in pictures([result.image for result in finished.images])]
    grid = np.asarray(decode_picture(finished.grid.data))
    assert np.array_equal(grid[:64, :64], three[0])
    assert np.array_equal(grid[65:, :64], three[2])
    assert not np.any([np.array_equal(tile, np.asarray(allowed[2])) for tile in three])
    assert len(np.unique(grid[65:, 65:].reshape(-1, 3), axis=0)) == 1


def test_fewer_than_two_allowed_pictures_make_no_grid(
    parent: Any, make_parent: Callable[..., Any], plant: Plant, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    request = request_for(replace(recipe, images=FOUR[:2]), previews=False)
    allowed = pictures([result.image for result in parent.run(Draw(request))[-1].images])
    finished = make_parent(plant(allowed[0], allowed[1:])).run(Draw(request))[-1]
    assert [result.verdict for result in finished.images] == [Verdict.BLOCK, Verdict.ALLOW]
    assert finished.grid is None


def test_code_that_takes_the_pipelines_checker_away_changes_nothing(
    parent: Any,
    plant: Plant,
    make_catalog: Callable[..., Catalog],
    device: Device,
    floor: Detector,
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    denoise: Callable[[LoadedModel, Recipe], WorkerJob],
) -> None:
    (result,) = parent.run(Draw(request_for(recipe)))[-1].images
    picture = decode_picture(result.image.data)
    model = ModelCache(make_catalog(plant(picture, [Image.new("RGB", (64, 64))])), device, floor, any_checker).get(
        "tiny"
    )
    model.pipeline.safety_checker = None
    model.pipeline.feature_extractor = None
    (drawing,) = denoise(model, recipe).image_states
    assert model.gate.review(decode(drawing), drawing.latents).verdict is Verdict.BLOCK


def test_the_floor_stands_under_every_models_gate(tiny: LoadedModel) -> None:
    with Image.open(PROOF / "blocked.png") as file:
        array = np.asarray(file.convert("RGB").resize((256, 256), Image.Resampling.BILINEAR))
    pixels = torch.from_numpy(array.copy()).permute(2, 0, 1) / 127.5 - 1
    review = tiny.gate.review(pixels, torch.zeros(1))
    assert (review.verdict, review.image) == (Verdict.BLOCK, None)
    assert review.reason.startswith("floor: nsfw 0.9")


def previews(parent: Any) -> list[Preview]:
    return [message.preview for message in parent.of(JobProgress) if message.preview]


def test_a_picture_is_seen_as_it_comes_along_each_time_with_the_step_it_is_of(
    parent: Any, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent.run(Draw(request_for(replace(recipe, steps=20))))
    shown = previews(parent)
    assert [preview.step for preview in shown] == [10, 14]
    assert len({preview.picture.sha256 for preview in shown if preview.picture}) == 2
    assert {(preview.picture.width, preview.picture.height) for preview in shown if preview.picture} == {(64, 64)}
    for message in parent.of(JobProgress):
        assert message.preview is None or message.preview.step <= message.step


def test_several_images_share_one_preview(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    parent.run(Draw(request_for(replace(recipe, images=FOUR, steps=20))))
    sizes = {(preview.picture.width, preview.picture.height) for preview in previews(parent) if preview.picture}
    assert sizes == {(129, 129)}


def test_previews_that_nobody_wants_are_not_made(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    parent.run(Draw(request_for(recipe, previews=False)))
    assert not [message for message in parent.of(JobProgress) if message.preview]


def test_an_unfinished_picture_that_the_gate_stops_is_not_shown_and_the_final_verdict_counts(
    parent: Any, make_parent: Callable[..., Any], plant: Plant, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    request = request_for(replace(recipe, steps=20))
    finished = parent.run(Draw(request))[-1]
    first, *others = pictures([preview.picture for preview in previews(parent)])
    final = decode_picture(finished.images[0].image.data)
    strict = make_parent(plant(first, [*others, final]))
    strict.run(Draw(request))
    assert not any(preview.picture for preview in previews(strict))
    assert [result.verdict for result in strict.heard[-1].images] == [Verdict.ALLOW]


def test_a_preview_that_cannot_be_made_costs_no_picture(
    parent: Any,
    make_catalog: Callable[..., Catalog],
    tiny_folder: Path,
    device: Device,
    floor: Detector,
    recipe: Recipe,
    request_for: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_beside_the_steps(*_: Any) -> None:
        if threading.current_thread().name == "reviews":
            raise torch.OutOfMemoryError("no room for a draft")

    parent.models = ModelCache(make_catalog(tiny_folder), device, floor, any_checker)
    parent.models.get("tiny").pipeline.unet.register_forward_pre_hook(fail_beside_the_steps)
    finished = parent.run(Draw(request_for(replace(recipe, steps=20))))[-1]
    assert [result.verdict for result in finished.images] == [Verdict.ALLOW]
    assert not any(preview.picture for preview in previews(parent))
    assert [record.getMessage() for record in caplog.records if "previews" in record.getMessage()] == [
        "job job-1 has no more previews: OutOfMemoryError: no room for a draft"
    ]


def test_a_model_whose_checker_fails_its_proof_is_unavailable_and_the_others_go_on(
    make_catalog: Callable[..., Catalog],
    tiny_folder: Path,
    copied_folder: Path,
    device: Device,
    floor: Detector,
    recipe: Recipe,
    request_for: Callable[..., Any],
) -> None:
    (copied_folder / "safety_checker" / "model.safetensors").unlink()
    (good,) = make_catalog(tiny_folder).entries
    (bad,) = make_catalog(tiny_folder, safety_checker=copied_folder).entries
    catalog = Catalog((good, replace(bad, info=replace(bad.info, id="bad"))))
    inbox = Inbox()
    heard: list[FromWorker] = []

    def hear(message: FromWorker) -> None:
        heard.append(message)
        if isinstance(message, JobFinished):
            inbox.put(None)

    inbox.put(Draw(request_for(replace(recipe, model="bad"), "of-bad")))
    inbox.put(Draw(request_for(recipe, "of-good")))
    assert run_worker("cpu-0", device, catalog, inbox, hear, lambda: floor, any_checker) == 0
    (failed,) = [message for message in heard if isinstance(message, JobFailed)]
    assert (failed.job_id, failed.code) == ("of-bad", "model_unavailable")
    assert "safety checker cannot be trusted" in failed.data["reason"]
    assert isinstance(heard[-1], JobFinished)
    assert heard[-1].job_id == "of-good"


def test_a_checker_with_proof_pictures_must_pass_them_before_its_model_is_used(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector
) -> None:
    models = ModelCache(make_catalog(tiny_folder), device, floor, lambda source: Identity(pictures=PROOF))
    with pytest.raises(ModelUnavailable, match=r"cannot be trusted: the checker did not block blocked\.png"):
        models.get("tiny")


def with_additional(catalog: Catalog, folder: Path) -> Catalog:
    (entry,) = catalog.entries
    return Catalog((replace(entry, additional_checkers=(Source(folder),)),))


def test_what_an_additional_checker_blocks_is_withheld(
    parent: Any, make_parent: Callable[..., Any], plant: Plant, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    request = request_for(replace(recipe, images=FOUR[:2]), previews=False)
    allowed = pictures([result.image for result in parent.run(Draw(request))[-1].images])
    strict = make_parent(parent.catalog.entries[0].source.folder)
    strict.catalog = with_additional(strict.catalog, plant(allowed[0], allowed[1:]))
    finished = strict.run(Draw(request))[-1]
    assert [result.verdict for result in finished.images] == [Verdict.BLOCK, Verdict.ALLOW]
    assert finished.images[0].reason.startswith("additional checker 1: concept 3 by ")


def test_a_model_whose_additional_checker_is_damaged_is_not_drawn_with(
    make_catalog: Callable[..., Catalog],
    tiny_folder: Path,
    edit_checker: Callable[[Callable[[dict[str, Tensor]], Any]], Path],
    device: Device,
    floor: Detector,
) -> None:
    folder = edit_checker(lambda tensors: tensors["concept_embeds_weights"].fill_(2.0))
    catalog = with_additional(make_catalog(tiny_folder), folder)
    with pytest.raises(ModelUnavailable) as raised:
        ModelCache(catalog, device, floor, any_checker).get("tiny")
    reason = f"its safety checker cannot be trusted: {folder}: no concept can ever be reached"
    assert raised.value.to_data()["reason"] == reason


def test_memory_is_counted_with_additional_checkers(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, copied_folder: Path, device: Device
) -> None:
    alone = make_catalog(tiny_folder)
    (entry,) = with_additional(alone, copied_folder).entries
    more = estimate_bytes(entry, device) - estimate_bytes(alone.entries[0], device)
    parts = load_parts(entry, device, any_checker)
    added = parts.checkers[1].module
    assert more == sum(parameter.nbytes for parameter in added.parameters()) > 0
    assert added in parts.modules()
