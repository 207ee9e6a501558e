"""One interpolation for noises and for layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.api import ImageSeed
from engine.worker.merge.arithmetic import METHODS
from engine.worker.sampling.interpolation import slerp
from engine.worker.sampling.seeds import initial_noise, seeded

SHAPE = (1, 4, 16, 16)


def noise(seed: int) -> Tensor:
    return initial_noise(ImageSeed(seed), SHAPE)[0]


def as_recipes_have_it(start: Tensor, end: Tensor, strength: float) -> Tensor:
    """What decided the pixels of every variation so far, written down on its own."""
    a, b = start.double(), end.double()
    cosine = torch.sum(a * b) / (a.norm() * b.norm())
    if cosine.abs() > 0.9995:
        return torch.lerp(a, b, strength).float()
    angle = torch.acos(cosine)
    return ((torch.sin((1 - strength) * angle) * a + torch.sin(strength * angle) * b) / torch.sin(angle)).float()


def test_noise_between_two_noises_keeps_their_spread() -> None:
    for strength in (0.15, 0.4, 0.5, 0.85):
        assert slerp(noise(7), noise(8), strength).std() == pytest.approx(1.0, abs=0.03)
    assert torch.lerp(noise(7), noise(8), 0.5).std() < 0.75


def test_noise_between_a_noise_and_itself_is_itself() -> None:
    assert torch.allclose(slerp(noise(7), noise(7), 0.4), noise(7), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 4, 16, 16), (1, 4, 24, 16), (1, 4, 192, 128)])
def test_a_recipes_noise_is_the_same_bit_for_bit_as_ever(shape: tuple[int, ...]) -> None:
    one, two = (torch.randn(shape, generator=seeded(seed)) for seed in (7, 8))
    near = slerp(one, two, 0.01)
    for start, end in ((one, two), (one, one), (one, -one), (near, one)):
        for strength in (0.15, 0.4, 0.85):
            assert torch.equal(slerp(start, end, strength), as_recipes_have_it(start, end, strength))


def test_a_large_layer_goes_around_as_a_small_one_does() -> None:
    one, two = (torch.randn(3, 2**21, generator=seeded(seed)) for seed in (1, 2))
    whole = as_recipes_have_it(one, two, 0.3)
    assert torch.allclose(slerp(one, two, 0.3), whole, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("angle", [1e-6, 2e-4, 0.01, 0.03])
def test_layers_that_point_almost_the_same_way_keep_their_length(angle: float) -> None:
    first, across = torch.zeros(4096), torch.zeros(4096)
    first[0], across[1] = 1.0, 1.0
    second = first * torch.cos(torch.tensor(angle)) + across * torch.sin(torch.tensor(angle))
    assert METHODS["slerp"](first, second, None, 0.5).norm() == pytest.approx(1.0, abs=2**-11)  # half precision's step


def test_from_or_to_a_layer_of_zeros_the_way_is_straight() -> None:
    layer, zeros = torch.ones(8), torch.zeros(8)
    assert torch.equal(METHODS["slerp"](layer, zeros, None, 0.25), 0.75 * layer)
    assert torch.equal(METHODS["slerp"](zeros, layer, None, 0.25), 0.25 * layer)
    assert torch.equal(METHODS["slerp"](zeros, zeros, None, 0.25), zeros)
