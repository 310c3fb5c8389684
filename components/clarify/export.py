"""The values as a ``shap.Explanation``, so that shap's own plots draw them. shap is imported here only, when asked."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.clarify.shapley import Estimate
from components.errors import InputError


def to_shap(
    estimate: Estimate,
    names: Sequence[str] | None = None,
    output: int | None = None,
    data: NDArray[Any] | None = None,
) -> Any:
    """Returns one output's values as a ``shap.Explanation`` for ``shap.plots.bar`` and ``shap.plots.waterfall``.

    Args:
        estimate: The values.
        names: Of the players; None names them ``segment 0``, ``segment 1``, ….
        output: Which output; may be left out when there is one only.
        data: What stands beside each name in the plots, ``(players,)``; None: 1, "present".

    Returns:
        The explanation: ``values`` and ``error_std`` (``(players,)``), ``base_values`` a number.

    Raises:
        InputError: shap is not installed, names or data are not one for each player, or there is no such output.
    """
    if output is None and estimate.outputs != 1:
        raise InputError(f"output: expected which of {estimate.outputs} outputs is meant, found None")
    index = output or 0
    if not 0 <= index < estimate.outputs:
        raise InputError(f"output: expected 0 to {estimate.outputs - 1}, found {output}")
    names = [f"segment {i}" for i in range(estimate.players)] if names is None else list(names)
    data = np.ones(estimate.players) if data is None else np.asarray(data)
    if len(names) != estimate.players or data.shape != (estimate.players,):
        raise InputError(
            f"expected names and data of {estimate.players} players, found {len(names)} names and data {data.shape}"
        )
    return _shap().Explanation(
        values=estimate.values[:, index].copy(),
        base_values=float(estimate.base[index]),
        data=data,
        feature_names=names,
        error_std=estimate.standard_errors[:, index].copy(),
    )


def to_shap_image(
    estimate: Estimate,
    segments: NDArray[np.integer[Any]],
    picture: NDArray[np.uint8],
    output_names: Sequence[str] | None = None,
) -> Any:
    """Returns all outputs as one picture's ``shap.Explanation`` for ``shap.plots.image``.

    A segment's value is shared evenly among its pixels and channels, so that the map sums up to the values, as the maps
    of shap's own explainers do.

    Args:
        estimate: The values, a player for each segment.
        segments: The player of each pixel, ``(H, W)``; a negative one belongs to none.
        picture: What was explained, ``(H, W, 3)`` uint8.
        output_names: Of the outputs.

    Returns:
        The explanation: ``values`` ``(1, H, W, 3, outputs)``, ``data`` ``(1, H, W, 3)``.

    Raises:
        InputError: shap is not installed, or the arrays do not fit together.
    """
    shapes = picture.ndim == 3 and picture.shape[2] == 3 and segments.shape == picture.shape[:2]
    if not shapes or not np.issubdtype(segments.dtype, np.integer) or segments.max(initial=-1) >= estimate.players:
        raise InputError(
            f"expected players to {estimate.players - 1} in segments (H, W) and a picture (H, W, 3), found "
            f"{segments.dtype} {segments.shape} to {segments.max(initial=-1)} and {picture.shape}"
        )
    if output_names is not None and len(output_names) != estimate.outputs:
        raise InputError(f"expected {estimate.outputs} output names, found {len(output_names)}")
    pixels = np.bincount(segments[segments >= 0].ravel(), minlength=estimate.players)
    each = estimate.values / (3 * np.maximum(pixels, 1))[:, None]
    nobody = np.zeros((1, estimate.outputs))
    spread = np.concatenate([each, nobody])[np.where(segments < 0, estimate.players, segments)]
    values = np.repeat(spread[None, :, :, None, :], 3, axis=3)
    return _shap().Explanation(
        values=values,
        base_values=estimate.base[None].copy(),
        data=picture[None],
        output_names=None if output_names is None else list(output_names),
    )


def _shap() -> ModuleType:
    try:
        import shap
    except ImportError as error:
        raise InputError(f"expected the package shap (images/analysis has it), found none: {error}") from None
    return shap
