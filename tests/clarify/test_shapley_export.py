"""The values as a ``shap.Explanation``: shap's own plots draw them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from components.clarify.export import to_shap, to_shap_image
from components.clarify.shapley import Estimate, estimate
from components.errors import InputError
from tests.clarify.games import random_game


@pytest.fixture(scope="module")
def found() -> Estimate:
    return estimate(random_game(15, 5, outputs=2), 15, 200)


def quadrants() -> np.ndarray:
    """A map of 15 segments, 12 by 20 pixels, and a corner that belongs to none."""
    segments = (np.arange(12)[:, None] // 4 * 5 + np.arange(20) // 4).astype(np.int32)
    segments[0, 0] = -1
    return segments


def test_an_explanation_holds_the_values_their_base_and_their_errors(found: Estimate) -> None:
    shap = pytest.importorskip("shap")
    explanation = to_shap(found, names=[f"part {i}" for i in range(15)], output=1)
    assert isinstance(explanation, shap.Explanation)
    assert (explanation.values == found.values[:, 1]).all()
    assert (explanation.error_std == found.standard_errors[:, 1]).all()
    assert explanation.base_values + explanation.values.sum() == pytest.approx(found.full[1], abs=1e-9)
    assert explanation.feature_names[3] == "part 3"
    assert explanation[np.argsort(-explanation.values)][0].values == found.values[:, 1].max()


def test_a_map_sums_up_to_the_values(found: Estimate) -> None:
    pytest.importorskip("shap")
    picture = np.zeros((12, 20, 3), np.uint8)
    explanation = to_shap_image(found, quadrants(), picture, output_names=["stop", "yield"])
    assert explanation.values.shape == (1, 12, 20, 3, 2)
    assert explanation.data.shape == (1, 12, 20, 3)
    for player in range(15):
        np.testing.assert_allclose(
            explanation.values[0][quadrants() == player].sum(axis=(0, 1)), found.values[player], atol=1e-12
        )
    assert not explanation.values[0, 0, 0].any()


# shap draws with matplotlib, which warns of its own ways; what is tested is that a picture comes out.
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("plot", ["bar", "waterfall", "image"])
def test_shaps_own_plots_draw_it(found: Estimate, plot: str) -> None:
    shap, matplotlib = pytest.importorskip("shap"), pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    if plot == "image":
        pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
        shap.plots.image(to_shap_image(found, quadrants(), pixels, ["stop", "yield"]), show=False)
    else:
        getattr(shap.plots, plot)(to_shap(found, output=0), show=False)
    figure = pyplot.gcf()
    figure.canvas.draw()
    assert len(np.unique(np.asarray(figure.canvas.buffer_rgba()))) > 10
    pyplot.close("all")


def test_without_shap_it_says_what_is_missing(found: Estimate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(InputError, match="expected the package shap"):
        to_shap(found, output=0)


@pytest.mark.parametrize(
    "wrong", [{}, {"output": 2}, {"output": -1}, {"output": 0, "names": ["a"]}, {"output": 0, "data": np.ones(3)}]
)
def test_what_does_not_fit_the_values_is_refused(found: Estimate, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        to_shap(found, **wrong)


@pytest.mark.parametrize(
    ("segments", "names"),
    [(quadrants()[:5], None), (quadrants() + 1, None), (quadrants().astype(float), None), (quadrants(), ["one"])],
)
def test_a_map_that_does_not_fit_is_refused(found: Estimate, segments: np.ndarray, names: list[str] | None) -> None:
    with pytest.raises(InputError, match="expected"):
        to_shap_image(found, segments, np.zeros((12, 20, 3), np.uint8), names)
