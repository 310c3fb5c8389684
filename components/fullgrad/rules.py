"""What one operation adds of its own.

An operation z = op(x, …) is z = J·x + β in the neighbourhood of its inputs, where J is its derivative and β whatever
the linear part does not explain. Going backwards from the output, ⟨∂f/∂z, z⟩ = ⟨Jᵀ ∂f/∂z, x⟩ + ⟨∂f/∂z, β⟩; what
remains at the end is completeness. The sum runs over *all* operations, so nothing but β needs to be known of each:

* β = 0 for what is linear, or linear in pieces through the origin: ReLU, pooling, reshaping, sums, multiplication by a
  constant.
* β = b for convolutions and linear layers; b − w·μ/√(σ² + eps) for batch normalisation (the paper, section 3.1).
* β = z − J·x for all else: f(x) − f′(x)·x for smooth activations (appendix of the paper), −x·y for a product of two
  activations (squeeze and excitation, attention), x + c's c, layer and group normalisation. J·x comes from forward-mode
  differentiation of the very operation in the direction of its own inputs, so the rule needs no formula of its own.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch.autograd import forward_ad
from torch.nn import Parameter
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from components.errors import InputError

Function = Callable[..., Any]

CONVOLUTIONS = frozenset({f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)})

# No bias, if every floating-point tensor among the inputs depends on the image.
HOMOGENEOUS = frozenset(
    """
    relu relu_ leaky_relu leaky_relu_ dropout dropout1d dropout2d dropout3d
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    flatten unflatten view view_as reshape reshape_as permute transpose swapaxes movedim t squeeze unsqueeze expand
    expand_as repeat repeat_interleave tile contiguous clone to float double type_as cat concat stack hstack vstack
    chunk split tensor_split unbind __getitem__ narrow select index_select gather roll flip rot90 unfold fold
    sum mean neg __neg__ amax amin max min maximum minimum abs __abs__ cumsum interpolate upsample
    pixel_shuffle pixel_unshuffle channel_shuffle diagonal tril triu
    """.split()  # noqa: SIM905 - as a table
)
ADDITIVE = frozenset(
    {"add", "add_", "__add__", "__iadd__", "__radd__", "sub", "sub_", "__sub__", "__isub__", "subtract"}
)
# Without bias where one factor alone depends on the image.
MULTIPLICATIVE = frozenset(
    """
    mul mul_ __mul__ __imul__ __rmul__ multiply matmul __matmul__ __rmatmul__ mm bmm prelu
    """.split()  # noqa: SIM905
)
QUOTIENTS = frozenset({"div", "div_", "__truediv__", "__itruediv__", "true_divide", "divide"})

# Answers about a tensor, not tensors made from it.
QUESTIONS = frozenset({"__get__", "__set__", "size", "dim", "numel", "__len__", "is_contiguous", "stride", "__hash__"})

_IN_PLACE = re.compile(r"[^_]_$|^__i(?!nvert)\w+__$|^__setitem__$")


class Bias(NamedTuple):
    """What an operation adds.

    Attributes:
        values: ``(channels,)``, one a channel.
        operation: Its name.
        module: Where it is from, if that is not the module that runs (a folded batch normalisation).
    """

    values: torch.Tensor
    operation: str
    module: str | None = None


def depends(value: Any) -> bool:
    """Whether a value is a tensor that depends on the image (parameters do not, whoever else wants their gradients)."""
    return isinstance(value, torch.Tensor) and value.requires_grad and not isinstance(value, Parameter)


def tensors(*values: Any) -> list[torch.Tensor]:
    """Returns the floating-point tensors among nested values."""
    return [v for v in pytree.tree_leaves(values) if isinstance(v, torch.Tensor) and v.is_floating_point()]


def known(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Bias | bool | None:
    """Returns the bias of an operation that has a formula.

    Returns:
        The bias; None where there is none; False if the operation has no formula and ``implicit`` must tell.

    Raises:
        InputError: Batch normalisation by the statistics of the batch.
    """
    found = tensors(args, dict(kwargs))
    dependent = [t for t in found if depends(t)]
    if not dependent:
        return None
    alone = len(dependent) == 1
    if (
        (name in HOMOGENEOUS and len(dependent) == len(found))
        or (name in ADDITIVE and len(found) == len([a for a in args if depends(a)]) == 2)
        or (name in MULTIPLICATIVE and alone)
        or (name in QUOTIENTS and alone and bool(args) and depends(args[0]) and not kwargs.get("rounding_mode"))
    ):
        return None
    return _affine(name, args, kwargs) if alone and args and depends(args[0]) else False


def _affine(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Bias | bool | None:
    if name == "batch_norm":
        return Bias(_batch_norm(args, kwargs), name)
    if name not in CONVOLUTIONS and name != "linear":
        return False
    bias = _argument(args, kwargs, 2, "bias")
    return None if bias is None else Bias(bias.detach(), name)


def implicit(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor | None]:
    """Returns z − J·x for each output of an operation, in order; None for one that is no floating-point tensor.

    An operation that overwrites its inputs does so to those given: hand it ``copied`` ones.

    Raises:
        NotImplementedError: The operation has no forward-mode derivative.
        RuntimeError: As torch raises it.
    """
    _prepare()
    with torch.no_grad(), forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH):
        dual_args, dual_kwargs = pytree.tree_map(_dual, (tuple(args), dict(kwargs)))
        outputs = function(*dual_args, **dual_kwargs)
        if outputs is None:  # __setitem__
            outputs = dual_args[0]
        return [_remainder(output) for output in pytree.tree_leaves(outputs)]


def overwrites(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an operation may write into its inputs; some that do not are named as well."""
    return bool(_IN_PLACE.search(name)) or bool(kwargs.get("inplace")) or any(a is True for a in args)


def copied(values: Any) -> Any:
    """Returns nested values with copies of the tensors that depend on the image; the copies still say so."""
    return pytree.tree_map(lambda v: v.detach().clone().requires_grad_() if depends(v) else v, values)


@cache
def _prepare() -> None:
    # What torch imports at the first such operation warns of a deprecation in torch itself.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import_module("torch._decomp.decompositions_for_jvp")


def _dual(value: Any) -> Any:
    # The tangent is a copy, since an operation in place writes into both.
    return forward_ad.make_dual(value.detach(), value.detach().clone()) if depends(value) else value


def _remainder(output: Any) -> torch.Tensor | None:
    if not isinstance(output, torch.Tensor) or not output.is_floating_point():
        return None
    primal, tangent = forward_ad.unpack_dual(output)
    return (primal if tangent is None else primal - tangent).detach()


def _batch_norm(args: Sequence[Any], kwargs: Mapping[str, Any]) -> torch.Tensor:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = {"training": False, "eps": 1e-5, **dict(zip(names, args, strict=False)), **kwargs}
    mean, variance = given.get("running_mean"), given.get("running_var")
    if given["training"] or mean is None or variance is None:
        raise InputError("fullgrad: expected batch normalisation by running statistics, found one by the batch's own")
    return normalisation_bias(mean, variance, given.get("weight"), given.get("bias"), given["eps"])


def normalisation_bias(
    mean: torch.Tensor,
    variance: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    eps: float,
) -> torch.Tensor:
    """Returns what batch normalisation adds, b − w·μ/√(σ² + eps), ``(channels,)``."""
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale
    return (shift if bias is None else shift + bias).detach()


def _argument(args: Sequence[Any], kwargs: Mapping[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)
