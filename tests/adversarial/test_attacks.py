"""The laws of every attack, and what each must do where the answer is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from attack_networks import grey, linear, plain, planes, small
from hypothesis import given, settings
from hypothesis import strategies as st

from components.adversarial.attacks import ATTACKS, FGSM, MIFGSM, PGD, Attack, DeepFool, attack
from components.adversarial.goals import Goal
from components.adversarial.norms import NORMS
from components.errors import InputError

EVERY = [(name, norm) for name in ATTACKS for norm in NORMS]


def goal_for(images: np.ndarray, targeted: bool) -> Goal:
    predicted = plain(small()).logits(planes(images)).argmax(1)
    return Goal((predicted + 2) % 5 if targeted else predicted, targeted)


def margins(images: np.ndarray, goal: Goal) -> torch.Tensor:
    return goal.margin(plain(small()).logits(planes(images)))


@pytest.mark.parametrize(("name", "norm"), EVERY)
@settings(max_examples=15)
@given(seed=st.integers(0, 1000), levels=st.integers(1, 60), targeted=st.booleans())
def test_a_perturbation_stays_in_its_ball_after_rounding(
    name: str, norm: str, seed: int, levels: int, targeted: bool
) -> None:
    images = grey(4, seed)
    radius = levels / 255 * (1 if norm == "linf" else 6)
    made = attack(name, norm=norm, radius=radius, steps=6, seed=seed)(
        plain(small()), images, goal_for(images, targeted)
    )
    assert made.images.dtype == np.uint8
    assert made.images.shape == images.shape
    change = (made.images.astype(np.int64) - images) / 255
    size = np.abs(change).max((1, 2, 3)) if norm == "linf" else np.sqrt(np.square(change).sum((1, 2, 3)))
    assert (size <= radius * (1 + 1e-7)).all()
    assert (made.steps <= 6).all()


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize(("name", "norm"), EVERY)
def test_an_attack_does_better_than_noise_of_the_same_size(name: str, norm: str, targeted: bool) -> None:
    images = grey(24, 5)
    goal = goal_for(images, targeted)
    radius = 0.1 if norm == "linf" else 1.0
    strong = attack(name, norm=norm, radius=radius)
    made = strong(plain(small()), images, goal)
    rounded = strong.rounded(planes(images), planes(images) + NORMS[norm].project(strong.noise(planes(images)), radius))
    noisy = (rounded * 255).round().byte().numpy().transpose(0, 2, 3, 1)
    assert (margins(made.images, goal) > 0).sum() > (margins(noisy, goal) > 0).sum()


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize(("name", "norm"), EVERY)
def test_one_by_one_gives_what_a_batch_gives(name: str, norm: str, targeted: bool) -> None:
    images = grey(6, 9)
    goal = goal_for(images, targeted)
    one = attack(name, norm=norm, steps=8, seed=4)
    together = one(plain(small()), images, goal)
    alone = [one(plain(small()), images[i : i + 1], goal[torch.tensor([i])]) for i in range(6)]
    np.testing.assert_array_equal(together.images, np.concatenate([a.images for a in alone]))
    np.testing.assert_array_equal(together.steps, np.concatenate([a.steps for a in alone]))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_callers_model_and_images_are_left_as_they_were(name: str) -> None:
    network, images = small(), grey(3)
    network.train()
    before, kept = {n: v.clone() for n, v in network.state_dict().items()}, images.copy()
    attack(name, steps=3)(plain(network), images, Goal(torch.zeros(3, dtype=torch.int64), True))
    assert all(m.training for m in network.modules())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())
    np.testing.assert_array_equal(images, kept)


def test_a_random_start_depends_on_its_seed_and_on_its_image() -> None:
    images = np.concatenate((grey(2), grey(1)))
    pgd = PGD(seed=1)
    first, second, third = pgd.noise(planes(images))
    assert torch.equal(first, third)
    assert not torch.equal(first, second)
    assert not torch.equal(first, PGD(seed=2).noise(planes(images))[0])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("targeted", [True, False])
def test_fgsm_is_one_step_of_pgd_without_a_random_start(norm: str, targeted: bool) -> None:
    images = grey(6, 2)
    goal = goal_for(images, targeted)
    common: dict[str, Any] = {"norm": NORMS[norm], "radius": 0.2}
    wanted = PGD(**common, steps=1, step_size=0.2, random_start=False)(plain(small()), images, goal)
    found = FGSM(**common)(plain(small()), images, goal)
    np.testing.assert_array_equal(found.images, wanted.images)


def test_mi_fgsm_without_memory_is_pgd_without_a_random_start() -> None:
    images = grey(6, 2)
    goal = goal_for(images, True)
    wanted = PGD(radius=0.1, steps=5, step_size=0.02, random_start=False)(plain(small()), images, goal)
    found = MIFGSM(radius=0.1, steps=5, decay=0.0)(plain(small()), images, goal)
    np.testing.assert_array_equal(found.images, wanted.images)


def test_mi_fgsm_sums_gradients_of_length_one() -> None:
    gradients = torch.randn(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    memory, wanted = torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8)
    for gradient in gradients:
        step, memory = MIFGSM(decay=0.5).direction(gradient, memory)
        wanted = 0.5 * wanted + gradient / gradient.flatten(1).norm(p=1, dim=1)[:, None, None, None]
        torch.testing.assert_close(step, wanted.sign())


def planar(classes: int, seed: int) -> tuple[Any, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(classes, 192, generator=generator, dtype=torch.float64) * 4
    biases = -weights.sum(1) / 2  # the boundaries pass near the grey in the middle
    return plain(linear(weights, biases)), weights, biases


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("targeted", [True, False])
@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_deepfool_finds_the_distance_to_a_plane(norm: str, targeted: bool, seed: int) -> None:
    """Two classes, or untargeted: the nearest plane, |f| / ‖w‖ in the dual norm (equations 6 and 8 of the paper)."""
    model, weights, biases = planar(2 if targeted else 6, seed)
    images = grey(8, seed, 90, 166)  # far from black and white, which are no part of the formula
    flat = planes(images).flatten(1)
    logits = flat @ weights.T + biases
    own = logits.argmax(1)
    gaps = logits.gather(1, own[:, None]) - logits
    duals = (weights[own][:, None] - weights[None]).norm(p=2 if norm == "l2" else 1, dim=2)
    distance = (gaps / duals).scatter(1, own[:, None], math.inf).amin(1)
    goal = Goal(1 - own, True) if targeted else Goal(own, False)
    made = DeepFool(norm=NORMS[norm], confidence=1e-6)(model, images, goal)
    assert (goal.margin(model.logits(planes(made.images))) > 0).all()
    found = NORMS[norm].size(planes(made.images) - planes(images))
    # Nothing nearer can be over the boundary; rounding and the halvings may cost a little.
    slack = 1 / 255 if norm == "linf" else 0.03
    assert (found >= distance * (1 - 1e-9)).all()
    assert (found <= distance * 1.03 + slack).all()


def test_deepfool_finds_shorter_perturbations_than_an_attack_in_a_ball() -> None:
    images = grey(12, 3)
    goal = goal_for(images, True)
    minimal = DeepFool()(plain(small()), images, goal)
    assert (margins(minimal.images, goal) > 0).all()
    size = NORMS["l2"].size(planes(minimal.images) - planes(images))
    other = PGD(norm=NORMS["l2"], radius=float(size.median()), steps=40)(plain(small()), images, goal)
    reached = margins(other.images, goal) > 0
    assert reached.float().mean() <= 0.7  # of the median's ball, an ideal one would reach a half


class Counting(torch.nn.Module):
    """Counts the images that pass, with a gradient and without."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small()
        self.batches: list[int] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            self.batches.append(len(inputs))
        return self.inner(inputs)


@pytest.mark.parametrize("kind", [PGD(radius=0.2, steps=30), DeepFool(steps=30)], ids=lambda kind: kind.name)
def test_what_is_finished_leaves_the_batch(kind: Attack) -> None:
    images = grey(16, 6)
    network = Counting()
    made = kind(plain(network), images, goal_for(images, True))
    assert network.batches == sorted(network.batches, reverse=True)
    assert network.batches[-1] < 16
    # Each gradient moved its image, or found it finished.
    assert sum(network.batches) <= made.steps.sum() + 16


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_to_attack_gives_nothing(name: str) -> None:
    made = attack(name)(plain(small()), grey(0), Goal(torch.zeros(0, dtype=torch.int64), True))
    assert (len(made.images), len(made.steps)) == (0, 0)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: attack("nothing"), "expected an attack among deepfool, fgsm, pgd, mi_fgsm"),
        (lambda: attack("pgd", norm="l7"), "expected an attack among .* and a norm among l2, linf"),
        (lambda: PGD(radius=0.5 / 255), "expected a radius of at least 1/255 in linf"),
        (lambda: PGD(radius=math.nan), "expected a radius over 0"),
        (lambda: PGD(steps=0), "steps from 1, found"),
        (lambda: DeepFool(overshoot=-1), "expected an overshoot from 0"),
        (lambda: PGD()(plain(small()), planes(grey(1)).numpy(), goal_for(grey(1), True)), "expected uint8 pixels"),
        (lambda: PGD()(plain(small()), grey(2), goal_for(grey(1), True)), "expected a class for each of 2 images"),
    ],
)
def test_what_makes_no_sense_is_refused(build: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        build()
