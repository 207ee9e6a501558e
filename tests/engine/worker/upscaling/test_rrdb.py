from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.catalog.checkpoint_inspection import ContentsError, tensors_of
from engine.catalog.rrdb import plan_rrdb
from engine.worker.runtime.device import Device
from engine.worker.upscaling.rrdb import RrdbNet, load_rrdb
from engine.worker.upscaling.tiles import enlarge_in_tiles
from tests.engine.worker.upscaling.networks import as_in_between, as_numbered, by_the_paper, random_network


def load(tensors: dict[str, Tensor], folder: Path, device: Device) -> RrdbNet:
    file = folder / "network.safetensors"
    save_file(tensors, file)
    return load_rrdb(file, plan_rrdb(tensors_of(file)), device)


def picture(height: int = 12, width: int = 16) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(8))


def ignored(done: int, total: int) -> None:
    """Hear of progress."""


@pytest.mark.parametrize(("doublings", "fold", "factor"), [(2, 1, 4), (1, 1, 2), (2, 2, 2), (3, 1, 8), (2, 4, 1)])
def test_a_network_makes_what_the_paper_says(
    tmp_path: Path, device: Device, doublings: int, fold: int, factor: int
) -> None:
    tensors = random_network(doublings, fold, blocks=2)
    network = load(tensors, tmp_path, device)
    made = network(picture())
    assert made.shape == (1, 3, 12 * factor, 16 * factor)
    torch.testing.assert_close(made, by_the_paper(tensors, picture(), doublings, fold, blocks=2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("naming", [as_numbered, as_in_between])
@pytest.mark.parametrize("doublings", [1, 2])
def test_other_namings_are_the_same_network(
    tmp_path: Path, device: Device, naming: Callable[[dict[str, Tensor]], dict[str, Tensor]], doublings: int
) -> None:
    tensors = random_network(doublings, blocks=2)
    assert "conv_body.weight" not in naming(tensors)
    wanted = load(tensors, tmp_path, device)(picture())
    assert torch.equal(load(naming(tensors), tmp_path, device)(picture()), wanted)


def test_its_size_is_told_from_the_shapes_of_its_tensors(tmp_path: Path) -> None:
    save_file(random_network(2, 2, features=12, blocks=3), tmp_path / "network.safetensors")
    plan = plan_rrdb(tensors_of(tmp_path / "network.safetensors"))
    assert (plan.features, plan.growth, plan.blocks, plan.doublings, plan.fold, plan.factor) == (12, 4, 3, 2, 2, 2)


def test_a_picture_whose_sides_cannot_be_folded_evenly_still_grows_to_its_full_size(
    tmp_path: Path, device: Device
) -> None:
    network = load(random_network(2, 2), tmp_path, device)
    assert network(picture(13, 15)).shape == (1, 3, 26, 30)


def broken(change: Callable[[dict[str, Tensor]], Any]) -> dict[str, Tensor]:
    tensors = random_network()
    change(tensors)
    return tensors


FOUR_COLOURS = {"conv_first.weight": torch.zeros(8, 4, 3, 3)}
REFUSED: dict[str, tuple[dict[str, Tensor], str]] = {
    "another network": ({"body.0.weight": torch.zeros(2)}, "body.0.weight, which no RRDBNet has"),
    "a layer is missing": (broken(lambda t: t.pop("conv_body.bias")), "trunk.bias is missing"),
    "a block is missing": (broken(lambda t: [t.pop(n) for n in list(t) if "rdb2" in n]), "blocks.0.1.*missing"),
    "another size": (broken(lambda t: t.update({"conv_hr.bias": torch.zeros(3)})), "refine.bias is"),
    "more colours": (broken(lambda t: t.update(FOUR_COLOURS)), "three colours"),
    "whole numbers": (broken(lambda t: t.update({"conv_hr.bias": torch.zeros(8, dtype=torch.int8)})), "floating-point"),
    "nothing": ({"unrelated": torch.zeros(1)}, "no RRDBNet has"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_anything_else_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    tensors, reason = REFUSED[name]
    save_file(tensors, tmp_path / "network.safetensors")
    with pytest.raises(ContentsError, match=reason):
        plan_rrdb(tensors_of(tmp_path / "network.safetensors"))


def test_a_pickle_under_the_name_of_safetensors_is_not_even_unpacked(tmp_path: Path) -> None:
    (tmp_path / "network.safetensors").write_bytes(pickle.dumps({"conv_first.weight": [0.0]}))
    with pytest.raises(ContentsError, match="no safetensors file"):
        tensors_of(tmp_path / "network.safetensors")


@pytest.mark.parametrize(("fold", "factor"), [(1, 4), (1, 2), (2, 2)])
def test_tiles_make_the_whole_picture_where_they_overlap_as_far_as_the_network_sees(
    tmp_path: Path, device: Device, fold: int, factor: int
) -> None:
    network = load(random_network(2, fold), tmp_path, device)
    # It sees 15 pixels far in its block, 2 in the convolutions around it, and less in those that are larger already.
    pixels, overlap = picture(50, 70), 20 * fold
    whole = enlarge_in_tiles(network, pixels, network.factor, factor, ignored, tile=128)
    tiled = enlarge_in_tiles(network, pixels, network.factor, factor, ignored, tile=16, overlap=overlap)
    assert whole.shape == (1, 3, 50 * factor, 70 * factor)
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-5)
    seams = enlarge_in_tiles(network, pixels, network.factor, factor, ignored, tile=16, overlap=0)
    assert (seams - whole).abs().max() > 1e-3


def test_a_smaller_factor_is_the_mean_of_the_pixels_in_between() -> None:
    def nearest(pixels: Tensor) -> Tensor:
        return pixels.repeat_interleave(4, 2).repeat_interleave(4, 3) + torch.tensor([0.0, 0.2]).repeat(4 * 8)

    made = enlarge_in_tiles(nearest, torch.zeros(1, 3, 8, 16), 4, 2, ignored)
    assert made.shape == (1, 3, 16, 32)
    torch.testing.assert_close(made, torch.full_like(made, 0.1))


def test_no_more_than_a_tile_and_its_surroundings_goes_through_the_network_at_once() -> None:
    seen: list[tuple[int, ...]] = []

    def network(pixels: Tensor) -> Tensor:
        seen.append(tuple(pixels.shape[2:]))
        return pixels.repeat_interleave(2, 2).repeat_interleave(2, 3)

    pixels = picture(100, 60)
    made = enlarge_in_tiles(network, pixels, 2, 2, ignored, tile=32, overlap=8)
    assert torch.equal(made, network(pixels))
    assert max(max(shape) for shape in seen[:-1]) == 48


def test_progress_is_told_before_each_tile_and_can_end_the_work() -> None:
    told = []

    def watch(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        enlarge_in_tiles(lambda pixels: pixels, picture(32, 64), 1, 1, watch, tile=16)
    assert told == [(0, 8), (1, 8), (2, 8)]
