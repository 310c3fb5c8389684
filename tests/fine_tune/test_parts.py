"""Interval, confusion, augmentation and the recipe, each by its law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.fine_tune.evaluation import Evaluation, evaluate
from components.fine_tune.pictures import Pictures, augment, to_input
from components.fine_tune.training import Recipe, batches, train
from components.images import Preprocessing
from components.intervals import wilson

CONTRACT = Preprocessing(32, 32)


class Reads(torch.nn.Module):
    """Answers the class that the image's red channel spells."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        red = (inputs[:, 0, 0, 0] * 0.229 + 0.485) * 255
        return self.scale * torch.nn.functional.one_hot(red.round().long() % 4, 4)


def spelling(class_ids: list[int], reds: list[int]) -> Pictures:
    pixels = torch.tensor(reds, dtype=torch.uint8)[:, None, None, None].expand(-1, 32, 32, 3)
    return Pictures(pixels, torch.tensor(class_ids))


@given(st.integers(1, 10**6), st.data())
def test_wilson_solves_its_equation(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    share, z = successes / trials, 1.959964
    for bound in wilson(successes, trials):
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(share - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / trials), rel=1e-6)


def test_wilson_without_trials_knows_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_confusion_counts_each_pair_of_true_and_predicted(pairs: list[tuple[int, int]]) -> None:
    network = Reads().train()
    judged = evaluate(network, spelling([t for t, _ in pairs], [p for _, p in pairs]), CONTRACT, batch_size=7)
    for true in range(4):
        for predicted in range(4):
            assert judged.confusion[true, predicted] == pairs.count((true, predicted))
    assert judged.accuracy == sum(t == p for t, p in pairs) / len(pairs)
    assert network.training


def test_a_class_without_images_has_no_recall() -> None:
    assert np.isnan(Evaluation(np.array([[2, 0], [0, 0]]), 0.0).recalls).tolist() == [False, True]


@given(st.integers(0, 2**31))
def test_the_device_normalises_as_the_contract_does(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for contract in (CONTRACT, Preprocessing(32, 32, channel_order="BGR")):
        found = to_input(torch.from_numpy(pixels), contract)
        np.testing.assert_allclose(found.numpy(), contract.normalize(pixels), rtol=1e-6, atol=1e-6)
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_augmentation_depends_on_the_seed_alone_and_never_mirrors() -> None:
    ramp = torch.linspace(-1, 1, 64).expand(16, 3, 64, 64)
    once, again = (augment(ramp, 32, torch.Generator().manual_seed(3)) for _ in range(2))
    assert once.shape == (16, 3, 32, 32)
    assert torch.equal(once, again)
    assert (once[..., -8:].mean((1, 2, 3)) > once[..., :8].mean((1, 2, 3))).all()


@pytest.mark.parametrize(("epoch", "side"), [(0, 64), (4, 64), (5, 96), (7, 96)])
def test_the_first_epochs_run_at_a_smaller_side(epoch: int, side: int) -> None:
    assert Recipe(epochs=8).side(epoch, 96) == side


def test_training_stops_when_it_no_longer_gets_better() -> None:
    data = spelling([0, 1, 2, 3] * 4, [0, 1, 2, 3] * 4)
    wrong = spelling([0, 1, 2, 3], [1, 2, 3, 0])  # the validation accuracy stays 0
    recipe = Recipe(epochs=20, batch_size=8, small_share=0, patience=2)
    history = train(Reads(), data, wrong, CONTRACT, recipe)
    assert len(history.validation_accuracy) < 20


@pytest.mark.parametrize(("images", "expected"), [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (3, [3])])
def test_no_batch_is_of_a_single_image_and_every_image_is_in_one(images, expected):
    order = torch.randperm(images, generator=torch.Generator().manual_seed(1))
    found = batches(order, 4)
    assert [len(batch) for batch in found] == expected
    assert torch.cat(found).tolist() == order.tolist()
