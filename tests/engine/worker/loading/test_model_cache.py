"""Several models in one worker: who stays, who leaves, and that no picture notices."""

from __future__ import annotations

import logging
import shutil
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.api import GenerationRequest, ImageSeed, ModelUnavailable, Recipe, pixel_sha256
from engine.catalog import SCHEDULERS, Catalog, Source
from engine.settings import Service
from engine.wire import Draw, FromWorker, JobFailed, JobFinished, JobProgress, Loaded, Prefetch, ToWorker
from engine.worker.jobs import WorkerJob, begin_job, warm_up
from engine.worker.loading.memory import Memory
from engine.worker.loading.model_cache import ModelCache, NoRoom
from engine.worker.loading.pipelines import LoadedModel, load_parts
from engine.worker.loading.weights import copied, copy_to, count_bytes, estimate_bytes
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import decode
from tests.engine.stand_in_checker import any_checker

PLENTY = 10**12
MakeModels = Callable[..., ModelCache]
Denoise = Callable[[LoadedModel, Recipe], WorkerJob]


@pytest.fixture
def folders(tiny_folder: Path, tmp_path: Path) -> dict[str, Path]:
    """Folders of three models; those of b and c may be damaged."""
    return {"a": tiny_folder} | {name: Path(shutil.copytree(tiny_folder, tmp_path / name)) for name in "bc"}


@pytest.fixture
def catalog(make_catalog: Callable[..., Catalog], folders: dict[str, Path]) -> Catalog:
    """Models a, b and c."""
    (entry,) = make_catalog(folders["a"]).entries
    return Catalog(
        tuple(
            replace(entry, info=replace(entry.info, id=name), source=Source(folder), safety_checker=Source(folder))
            for name, folder in folders.items()
        )
    )


@pytest.fixture(scope="session")
def size(tiny_folder: Path, make_catalog: Callable[..., Catalog], device: Device) -> int:
    """Bytes of the tiny model."""
    return count_bytes(load_parts(make_catalog(tiny_folder).entries[0], device, any_checker).modules())


@pytest.fixture
def make_models(catalog: Catalog, device: Device, floor: Detector, size: int) -> MakeModels:
    """Make a worker's models, with room for so many on the device and in RAM; None for no tier of its own in RAM."""

    def make(on_device: float, in_ram: float | None = None, service: Service = "fast") -> ModelCache:
        rooms = [None if many is None else Memory(lambda: PLENTY, 0, int(many * size)) for many in (on_device, in_ram)]
        own = replace(device, service=service)
        return ModelCache(catalog, own, floor, any_checker, rooms[0], rooms[1], warm_up=warm_up)

    return make


@pytest.fixture
def make_worker(make_parent: Callable[..., Any], tiny_folder: Path) -> Callable[..., Any]:
    """Make the parent of a worker that has such models."""

    def make(models: ModelCache, listener: Callable[[FromWorker], Iterable[ToWorker]] = lambda message: ()) -> Any:
        parent = make_parent(tiny_folder)
        parent.models, parent.listener = models, listener
        return parent

    return make


@pytest.fixture
def draw(denoise: Denoise) -> Callable[[LoadedModel, Recipe], str]:
    """Draw a recipe's first picture; give back its hash."""

    def do(model: LoadedModel, recipe: Recipe) -> str:
        picture = to_picture(decode(denoise(model, recipe).image_states[0]))
        return pixel_sha256("RGB", *picture.size, picture.tobytes())

    return do


def test_the_model_that_was_used_longest_ago_leaves_first(make_models: MakeModels) -> None:
    models = make_models(2)
    for name in "abac":
        models.get(name)
    assert models.loaded() == (("a", "c"), ())


def test_models_that_fit_all_stay(make_models: MakeModels) -> None:
    models = make_models(3)
    loaded = [models.get(name) for name in "abc"]
    assert [models.get(name) for name in "abc"] == loaded
    assert models.loaded() == (("a", "b", "c"), ())


def test_a_model_that_is_drawn_with_never_leaves(make_models: MakeModels) -> None:
    models = make_models(2)
    for name in "ab":
        models.get(name)
        models.hold(name)
    with pytest.raises(NoRoom):
        models.get("c")
    models.release("b")
    models.get("c")
    assert models.loaded() == (("a", "c"), ())


def test_a_model_stays_until_it_is_released_as_often_as_it_was_held(make_models: MakeModels) -> None:
    models = make_models(1)
    models.get("a")
    models.hold("a")
    models.hold("a")
    models.release("a")
    with pytest.raises(NoRoom):
        models.get("b")
    models.release("a")
    models.get("b")


def test_a_model_larger_than_its_memory_is_unavailable_and_says_by_how_much(make_models: MakeModels, size: int) -> None:
    with pytest.raises(ModelUnavailable, match=r"it takes 0.0 GB of memory, and 0.0 GB are free"):
        make_models(0.9).get("a")


def test_models_leave_for_the_reserve_but_it_is_not_worth_a_refusal(
    catalog: Catalog, device: Device, floor: Detector, size: int
) -> None:
    in_use: list[ModelCache] = []

    def measure() -> int:
        """What is free of the room for two and a half."""
        return int(2.5 * size) - size * sum(len(names) for models in in_use for names in models.loaded())

    models = ModelCache(catalog, replace(device, service="fast"), floor, any_checker, on_device=Memory(measure, size))
    in_use.append(models)
    models.get("a")
    models.get("b")
    assert models.loaded() == (("b",), ())
    models.hold("b")
    models.get("c")
    assert models.loaded() == (("b", "c"), ())


def test_what_leaves_memory_is_gone(make_models: MakeModels) -> None:
    models = make_models(1)
    unet = weakref.ref(models.get("a").pipeline.unet)
    assert unet() is not None
    models.get("b")
    assert unet() is None


def test_files_tell_what_the_tensors_will_take(catalog: Catalog, device: Device, size: int, tmp_path: Path) -> None:
    entry = catalog.entries[0]
    assert estimate_bytes(entry, device) == pytest.approx(size, rel=0.01)
    assert estimate_bytes(entry, replace(device, dtype=torch.float16)) == pytest.approx(size / 2, rel=0.01)
    nowhere = replace(entry, source=Source(tmp_path / "none"), safety_checker=Source(tmp_path / "none"))
    assert estimate_bytes(nowhere, device) == 0


def test_a_model_waits_in_ram_and_comes_back_without_its_files_as_the_same_model(
    make_models: MakeModels, folders: dict[str, Path], recipe: Recipe, draw: Callable[[LoadedModel, Recipe], str]
) -> None:
    models, recipe = make_models(1, in_ram=1), replace(recipe, model="b", scheduler="Euler a")
    before = models.get("b")
    picture, weight = draw(before, recipe), before.pipeline.unet.conv_in.weight
    place = weight.data_ptr()
    models.get("a")
    assert models.loaded() == (("a",), ("b",))
    assert weight.data_ptr() != place
    shutil.rmtree(folders["b"])
    assert models.get("b") is before
    assert models.loaded() == (("b",), ("a",))
    assert draw(before, recipe) == picture


def test_a_safety_checker_that_was_damaged_while_its_model_waited_in_ram_does_not_come_back(
    make_models: MakeModels,
) -> None:
    models = make_models(1, in_ram=3)
    models.get("a")
    models.get("b")
    (checker,) = models._cached["a"].parts.checkers
    checker.module.visual_projection.weight.data.normal_()
    with pytest.raises(ModelUnavailable, match="its safety checker cannot be trusted"):
        models.get("a")
    models.get("b")


def test_the_ram_has_its_own_budget_and_the_oldest_leaves_it_first(make_models: MakeModels) -> None:
    models = make_models(1, in_ram=1)
    for name in "abc":
        models.get(name)
    assert models.loaded() == (("c",), ("b",))
    models = make_models(1, in_ram=0.5)
    for name in "ab":
        models.get(name)
    assert models.loaded() == (("b",), ())


def test_a_copy_keeps_bits_type_and_strides_and_what_is_shared_is_copied_for_all() -> None:
    tensor = torch.randn(2, 3, 4, 4, dtype=torch.float16).to(memory_format=torch.channels_last)
    copy = copied(tensor, torch.device("cpu"))
    assert torch.equal(copy, tensor)
    assert (copy.stride(), copy.dtype) == (tensor.stride(), tensor.dtype)
    assert copy.data_ptr() != tensor.data_ptr()
    left = torch.nn.Linear(2, 2)
    right = torch.nn.Linear(2, 2)
    right.weight = left.weight
    assert count_bytes([left, right]) == 4 * (4 + 2 + 2)
    copy_to([left, right], torch.device("cpu"))
    assert right.weight is left.weight


def test_a_model_that_was_loaded_ahead_is_drawn_with_without_its_files(
    make_models: MakeModels,
    make_worker: Callable[..., Any],
    folders: dict[str, Path],
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    draw: Callable[[LoadedModel, Recipe], str],
) -> None:
    """And the picture that is drawn meanwhile is the one that is drawn alone."""
    first = replace(recipe, model="a", steps=60, scheduler="Euler a")
    next_one = replace(recipe, model="b")
    pictures = [draw(make_models(1).get(each.model), each) for each in (first, next_one)]
    models = make_models(1, in_ram=2)

    def listen(message: FromWorker) -> Iterable[ToWorker]:
        if message == JobProgress("first", 2, 60):
            return [Prefetch("b"), Prefetch("b")]
        if isinstance(message, Loaded) and "b" in message.near:
            shutil.rmtree(folders["b"])
        if isinstance(message, JobFinished) and message.job_id == "first":
            return [Draw(request_for(next_one, "next"))]
        return []

    parent = make_worker(models, listen)
    parent.run(Draw(request_for(first, "first", previews=False)))
    told = [(message.ready, message.near) for message in parent.of(Loaded)]
    assert told == [(("a",), ()), (("a",), ("b",)), (("b",), ("a",))]
    assert [message.images[0].image.sha256 for message in parent.of(JobFinished)] == pictures


def test_a_job_whose_model_is_on_its_way_waits_for_it(
    make_models: MakeModels,
    make_worker: Callable[..., Any],
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    parent = make_worker(make_models(2))
    parent.run(Prefetch("b"), Draw(request_for(replace(recipe, model="b"))))
    assert len(parent.of(JobFinished)) == 1
    assert sum("loaded b in" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("in_ram", [None, 0.5])
def test_nothing_is_loaded_ahead_where_there_is_no_room_beside_what_is_drawn(
    make_models: MakeModels,
    make_worker: Callable[..., Any],
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    in_ram: float | None,
) -> None:
    def listen(message: FromWorker) -> Iterable[ToWorker]:
        return [Prefetch("b"), Prefetch("unknown")] if message == JobProgress("job-1", 1, 20) else []

    parent = make_worker(make_models(1, in_ram), listen)
    parent.run(Draw(request_for(replace(recipe, model="a", steps=20))))
    assert parent.of(Loaded) == [Loaded(("a",), ())]
    assert len(parent.of(JobFinished)) == 1


def test_a_model_that_cannot_be_loaded_ahead_disturbs_nobody_and_fails_its_own_job(
    make_models: MakeModels,
    make_worker: Callable[..., Any],
    folders: dict[str, Path],
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
) -> None:
    shutil.rmtree(folders["b"] / "unet")

    def listen(message: FromWorker) -> Iterable[ToWorker]:
        return [Prefetch("b"), Draw(request_for(replace(recipe, model="b"), "broken"))] if message == started else []

    started = JobProgress("job-1", 1, 20)
    parent = make_worker(make_models(2), listen)
    parent.run(Draw(request_for(replace(recipe, model="a", steps=20))))
    assert [(message.job_id, message.code) for message in parent.of(JobFailed)] == [("broken", "model_unavailable")]
    assert [message.job_id for message in parent.of(JobFinished)] == ["job-1"]


def test_a_job_whose_model_does_not_fit_beside_what_is_drawn_waits_until_it_does(
    make_models: MakeModels,
    make_worker: Callable[..., Any],
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
) -> None:
    parent = make_worker(make_models(1))
    jobs = [Draw(request_for(replace(recipe, model=name), f"job-{number}")) for number, name in enumerate("abab")]
    parent.run(*jobs)
    assert {message.job_id for message in parent.of(JobFinished)} == {f"job-{number}" for number in range(4)}
    assert not parent.of(JobFailed)
    assert {len(message.ready) for message in parent.of(Loaded)} == {1}


def test_a_model_is_ready_as_soon_as_two_rows_work_and_its_default_size_is_the_first_to_be_proven(
    make_models: MakeModels, request_for: Callable[..., GenerationRequest], recipe: Recipe
) -> None:
    def rows(recipe: Recipe) -> int:
        (drawing,) = begin_job(request_for(recipe), model).image_states
        return int(max(drawing.row_rule.buckets))  # type: ignore[attr-defined]

    models = make_models(1, service="exact")
    model = models.get("a")
    assert models.loaded() == (("a",), ())
    wide = replace(recipe, width=96)
    assert (rows(recipe), rows(wide)) == (2, 2)
    while rows(recipe) == 2:
        assert models.prove()
    assert rows(wide) == 2
    while models.prove():
        pass
    assert rows(wide) > 2


def test_models_that_are_on_the_device_are_proven_and_the_others_when_they_are_back(make_models: MakeModels) -> None:
    models = make_models(1, in_ram=3, service="exact")
    a = models.get("a")
    models.get("b")
    assert models.loaded() == (("b",), ("a",))
    while models.prove():
        pass
    assert a.rules.prove()
    models.get("a")
    assert models.prove()
    while models.prove():
        pass
    assert not a.rules.prove()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_drawing_does_not_depend_on_torchs_default_type_which_loading_changes_for_a_moment(
    scheduler: str, tiny: LoadedModel, denoise: Denoise, recipe: Recipe
) -> None:
    recipe = replace(recipe, scheduler=scheduler, images=(ImageSeed(7).vary(8, 0.3),))
    expected = denoise(tiny, recipe).image_states[0].latents
    torch.set_default_dtype(torch.float16)
    try:
        latents = denoise(tiny, recipe).image_states[0].latents
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(latents, expected)


def run_out(*_: Any) -> None:
    raise torch.OutOfMemoryError("no more")


def test_a_step_that_runs_out_of_memory_makes_the_models_leave_that_nothing_is_drawn_with(
    make_models: MakeModels, make_worker: Callable[..., Any], recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    models = make_models(2, in_ram=2)
    for name in "ba":
        models.get(name)
    wanted = replace(recipe, model="a", images=(ImageSeed(1), ImageSeed(2)), steps=20)
    handle = models.get("a").pipeline.unet.register_forward_pre_hook(
        lambda unet, arguments: run_out() if len(arguments[0]) > 2 else None
    )
    parent = make_worker(models)
    parent.run(Draw(request_for(wanted)))
    handle.remove()
    assert len(parent.of(JobFinished)) == 1
    assert parent.of(Loaded)[-1] == Loaded(("a",), ("b",))


@pytest.mark.parametrize("times", [1, 2])
def test_decoding_that_runs_out_of_memory_is_tried_once_more_when_other_models_have_left(
    make_models: MakeModels,
    make_worker: Callable[..., Any],
    recipe: Recipe,
    request_for: Callable[..., Any],
    times: int,
) -> None:
    models = make_models(2, in_ram=2)
    for name in "ba":
        models.get(name)
    tries = iter(range(times))

    def look(*_: Any) -> None:
        if next(tries, None) is not None:
            run_out()

    models.get("a").pipeline.vae.decoder.register_forward_pre_hook(look)
    parent = make_worker(models)
    parent.run(Draw(request_for(replace(recipe, model="a"), previews=False)))
    assert len(parent.of(JobFinished)) == (times == 1)
    assert [message.data["reason"] for message in parent.of(JobFailed)] == ["OutOfMemoryError: no more"] * (times == 2)
    assert parent.of(Loaded)[-1] == Loaded(("a",), ("b",))


def test_a_card_that_fails_ends_the_worker_so_that_its_jobs_can_be_tried_again(
    make_models: MakeModels, make_worker: Callable[..., Any], recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    models = make_models(1)

    def fail(*_: Any) -> None:
        raise torch.AcceleratorError("an illegal memory access was encountered")

    models.get("a").pipeline.unet.register_forward_pre_hook(fail)
    parent = make_worker(models)
    with pytest.raises(torch.AcceleratorError):
        parent.run(Draw(request_for(replace(recipe, model="a"))))
    assert not parent.of(JobFailed)
