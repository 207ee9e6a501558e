"""Compiled UNets: what is needed for it, and that nothing is compiled once a size is warm."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.catalog import Catalog
from engine.worker.jobs import begin_job
from engine.worker.loading.pipelines import LoadedModel, load_parts
from engine.worker.loading.proofs import RowRules
from engine.worker.runtime.device import Device
from engine.worker.sampling.batch import pack
from engine.worker.sampling.compiler import CompilerMissing, check_compiler, compile_unet
from engine.worker.sampling.steps import advance
from tests.engine.stand_in_checker import any_checker


def test_without_a_compiler_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        CompilerMissing, match=r"^\[engine\] compile is on, and a C\+\+ compiler .* set compile = false"
    ):
        check_compiler("cpu", {"PATH": str(tmp_path)})


def test_a_compiler_on_the_path_or_in_the_environment_will_do(tmp_path: Path) -> None:
    compiler = tmp_path / "c++-of-my-own"
    shutil.copy("/bin/true", compiler)
    check_compiler("cpu", {"PATH": str(tmp_path), "CXX": "c++-of-my-own"})
    with pytest.raises(CompilerMissing, match="another"):
        check_compiler("cpu", {"PATH": str(tmp_path), "CXX": "another"})


@pytest.fixture
def compiled(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, tiny: LoadedModel
) -> Iterator[tuple[LoadedModel, list[Any]]]:
    """The tiny model with a tinier UNet, by a compiler that leaves graphs as they are; and the graphs it was given."""
    graphs: list[Any] = []

    def keep(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    pipeline = load_parts(make_catalog(tiny_folder).entries[0], device, any_checker).pipeline
    pipeline.unet = UNet2DConditionModel(
        block_out_channels=(8,),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=32,
        down_block_types=("DownBlock2D",),
        mid_block_type=None,
        up_block_types=("UpBlock2D",),
    )
    compile_unet(pipeline.unet, keep)
    rules = RowRules(pipeline.unet, 4, exact=False, compiled=True)
    yield replace(tiny, pipeline=pipeline, rules=rules, exact=False, compiled=True), graphs
    torch._dynamo.reset()


def test_nothing_is_compiled_any_more_once_a_job_of_a_size_is_prepared(
    compiled: tuple[LoadedModel, list[Any]], recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    """Whoever shares its calls: with and without guidance, one picture or many, whatever the noise scheduler."""
    model, graphs = compiled
    begin_job(request_for(recipe), model)
    assert len(graphs) == 2  # calls of two rows and of four
    wanted = [
        replace(recipe, scheduler=name, guidance_scale=guidance, images=(ImageSeed(1),) * images)
        for name, guidance, images in (("Euler a", 3.0, 1), ("Heun", 1.0, 2), ("DDIM", 1.0, 1), ("DPM++ 2M", 3.0, 2))
    ]
    image_states = [image for each in wanted for image in begin_job(request_for(each), model).image_states]
    rows = []
    while batch := pack(image_states, 4, {}):
        rows.append(batch.rows)
        advance(batch)
    assert set(rows) == {2, 4}
    assert len(graphs) == 2
