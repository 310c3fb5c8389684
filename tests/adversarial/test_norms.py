"""The laws of the two norms: projection, steps, and rounding to 8 bits."""

from __future__ import annotations

import math

import pytest
import torch
from attack_networks import grey, planes
from hypothesis import given, settings
from hypothesis import strategies as st

from components.adversarial.norms import NORMS, Norm

NAMES = ("l2", "linf")
seeds = st.integers(0, 10_000)


def drawn(seed: int, spread: float) -> torch.Tensor:
    return torch.randn((4, 3, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * spread


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(seed=seeds, spread=st.sampled_from([0.003, 0.03, 0.5]), radius=st.floats(1 / 255, 4), full=st.booleans())
def test_rounded_pixels_are_of_8_bits_in_their_range_and_in_the_ball(
    name: str, seed: int, spread: float, radius: float, full: bool
) -> None:
    norm = NORMS[name]
    kind = torch.float64 if full else torch.float32
    originals = planes(grey(4, seed)).to(kind)
    change = norm.project(drawn(seed, spread).to(kind), radius)
    found = norm.rounded(originals, (originals + change).clamp(0, 1), radius)
    levels = found.double() * 255
    assert (levels - levels.round()).abs().max() < 1e-4
    assert found.min() >= 0
    assert found.max() <= 1
    exact = (levels.round() - (originals.double() * 255).round()) / 255
    assert (norm.size(exact) <= radius * (1 + 1e-7) + 1e-9).all()


@pytest.mark.parametrize("name", NAMES)
def test_rounding_moves_no_value_by_more_than_half_a_level_where_there_is_room(name: str) -> None:
    originals = planes(grey(4, 1))
    pixels = (originals + drawn(1, 0.1)).clamp(0, 1)
    assert (NORMS[name].rounded(originals, pixels, math.inf) - pixels).abs().max() <= 0.5 / 255 + 1e-9


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(seed=seeds, radius=st.floats(0.01, 3))
def test_a_projection_is_inside_and_leaves_what_is_inside(name: str, seed: int, radius: float) -> None:
    norm, change = NORMS[name], drawn(seed, 0.3)
    inside = norm.project(change, radius)
    assert (norm.size(inside) <= radius * (1 + 1e-9)).all()
    assert torch.allclose(norm.project(inside, radius), inside, rtol=1e-12)
    assert torch.equal(norm.project(change, math.inf), change)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(seed=seeds)
def test_the_step_over_a_plane_ends_on_it_and_no_shorter_one_does(name: str, seed: int) -> None:
    norm, gradient = NORMS[name], drawn(seed, 2.0)
    gap = torch.rand(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    step = norm.crossing(gap, gradient)
    assert torch.allclose((step * gradient).sum((1, 2, 3)), gap)
    # Hölder: along any step of length 1 the function rises by the gradient's dual norm at most.
    dual = gradient.flatten(1).norm(p=2 if name == "l2" else 1, dim=1)
    assert torch.allclose(norm.size(step), gap / dual)
    assert torch.allclose((norm.steepest(gradient) * gradient).sum((1, 2, 3)), dual)
    assert torch.allclose(norm.size(norm.steepest(gradient)), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("norm", NORMS.values(), ids=repr)
def test_noise_is_in_the_ball_and_a_function_of_its_seed(norm: Norm) -> None:
    shape = torch.Size((3, 8, 8))
    draws = [norm.noise(shape, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, *range(2, 50))]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[1], draws[2])
    assert (norm.size(torch.stack(draws)) <= 0.5 + 1e-6).all()


def test_a_gradient_of_nothing_gives_a_step_of_nothing_and_no_nan() -> None:
    for norm in NORMS.values():
        zero = torch.zeros(2, 3, 8, 8)
        assert torch.equal(norm.steepest(zero), zero)
        assert torch.isfinite(norm.crossing(torch.zeros(2), zero)).all()
        assert torch.equal(norm.project(zero, 0.1), zero)
