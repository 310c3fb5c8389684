"""The operators that a packed MXNet network may be made of: those of GluonCV's detectors, and no others.

A symbol file names native code of MXNet by operator. Some operators run code of someone's own (``Custom``), hold whole
graphs (``_subgraph_op``, ``_foreach``) or come from a library on disk; and MXNet believes a symbol file's indices
without looking. So the list is of what is allowed, with how many inputs each takes and outputs it gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLE = "null"
"""A node that is no operator: the input, a parameter, or a running statistic."""

_NONE = ("_arange",)
_ONE = (
    *("Activation", "BlockGrad", "Cast", "Dropout", "Flatten", "L2Normalization", "LeakyReLU", "Pooling", "Reshape"),
    *("SliceChannel", "SwapAxis", "_contrib_AdaptiveAvgPooling2D", "_contrib_box_nms", "_copy"),
    *("_div_scalar", "_equal_scalar", "_greater_scalar", "_lesser_scalar", "_maximum_scalar", "_minimum_scalar"),
    *("_minus_scalar", "_mul_scalar", "_plus_scalar", "_power_scalar", "_rdiv_scalar", "_rminus_scalar", "abs"),
    *(
        "broadcast_axis",
        "clip",
        "exp",
        "expand_dims",
        "floor",
        "log",
        "log2",
        "max",
        "mean",
        "min",
        "ones_like",
        "relu",
    ),
    *("repeat", "reverse", "shape_array", "sigmoid", "slice", "slice_axis", "softmax", "sqrt", "square", "squeeze"),
    *("sum", "tanh", "tile", "topk", "transpose", "zeros_like"),
)
_TWO = (
    *(
        "_contrib_ROIAlign",
        "_contrib_box_decode",
        "broadcast_add",
        "broadcast_div",
        "broadcast_equal",
        "broadcast_like",
    ),
    *("broadcast_greater", "broadcast_lesser", "broadcast_maximum", "broadcast_minimum", "broadcast_mod"),
    *("broadcast_mul", "broadcast_sub", "elemwise_add", "elemwise_div", "elemwise_mul", "elemwise_sub", "gather_nd"),
    "slice_like",
)
NORMALISATIONS = ("BatchNorm", "_contrib_SyncBatchNorm")
"""Operators whose fourth and fifth input are running statistics, MXNet's auxiliary states."""

_BIASED = {"Convolution": 2, "Deconvolution": 2, "FullyConnected": 2, "_contrib_ModulatedDeformableConvolution": 4}
_COUNTED = ("Concat", "UpSampling", "add_n", "stack")
_OPTIONAL = {
    "LeakyReLU": ("act_type", "prelu"),
    "UpSampling": ("sample_type", "bilinear"),
    "softmax": ("use_length", ""),
}
"""Attributes by which an operator would take one more input, which no detector here uses; and at which value."""

OPERATORS: Mapping[str, tuple[int, ...]] = {
    VARIABLE: (0,),
    **dict.fromkeys(_NONE, (0,)),
    **dict.fromkeys(_ONE, (1,)),
    **dict.fromkeys(_TWO, (2,)),
    "where": (3,),
    **dict.fromkeys(NORMALISATIONS, (5,)),
    **dict.fromkeys((*_BIASED, *_COUNTED), ()),
}
"""How many inputs each takes; none given where attributes say it."""

_COUNT = re.compile(r"[0-9]{1,4}")


def inputs(operator: str, attributes: Mapping[str, str]) -> tuple[int, ...]:
    """Returns the numbers of inputs that a node of an allowed operator may have."""
    if operator in _OPTIONAL:
        key, value = _OPTIONAL[operator]
        if attributes.get(key, "False") != "False" and value in ("", attributes[key]):
            return ()
    if operator in _BIASED:
        # MXNet would look for a bias behind the end of the inputs if this and their number differed.
        more = {"True": 0, "False": 1}.get(attributes.get("no_bias", ""))
        return () if more is None else (_BIASED[operator] + more,)
    return _count(attributes.get("num_args", "")) if operator in _COUNTED else OPERATORS[operator]


def outputs(operator: str, attributes: Mapping[str, str]) -> int:
    """Returns how many outputs of a node of an allowed operator others may use."""
    if operator == "SliceChannel":
        return max(_count(attributes.get("num_outputs", "")), default=0)
    if operator == "topk":
        return 2 if attributes.get("ret_typ") == "both" else 1
    return 1


def _count(text: str) -> tuple[int, ...]:
    return (int(text),) if _COUNT.fullmatch(text) else ()
