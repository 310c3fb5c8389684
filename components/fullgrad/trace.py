"""Runs a network and notes where biases enter.

Operations are seen as the network calls them (``torch.overrides.TorchFunctionMode``), functional ones as well as those
inside modules. A bias is noted together with the *edge* of the autograd graph at which it entered: later operations in
place move the tensor on, not the edge, so that the gradient is that of the value the bias was added to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from components.errors import InputError
from components.fullgrad import rules
from components.fullgrad.rules import Bias

_MOVES_CHANNELS = frozenset({"permute", "transpose", "swapaxes", "movedim", "reshape", "view"})


class Entry(NamedTuple):
    """Where a bias enters.

    Attributes:
        module: The name of the innermost module that ran, ``layer1.0.bn1``; of the model's class for the model itself.
        operation: ``batch_norm``, ``silu``, …
        call: How many times this operation ran in this module before.
        edge: Where the gradient is taken.
        bias: ``(channels,)``, or of the output's shape.
        channels: The dimension of the channels in the output.
        per_channel: Whether the bias is one value a channel.
    """

    module: str
    operation: str
    call: int
    edge: GradientEdge
    bias: torch.Tensor
    channels: int
    per_channel: bool


class Trace(TorchFunctionMode):
    """Notes the entries of one forward pass.

    Args:
        network: A private copy: hooks are put on it while it runs.
        folded: What the biases of folded convolutions are made of, by module name.
    """

    def __init__(self, network: nn.Module, folded: Mapping[str, Sequence[Bias]]) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.unaccounted: list[str] = []
        self._folded = folded
        self._names = {module: name or type(network).__name__ for name, module in network.named_modules()}
        self._running: list[str] = [type(network).__name__]
        self._calls: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Keeps track of which module runs, while the block lasts."""
        handles = []
        try:
            for module in self._names:
                handles.append(module.register_forward_pre_hook(self._enter, prepend=True))
                handles.append(module.register_forward_hook(self._leave))
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, args: Any) -> None:
        self._running.append(self._names[module])

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        self._running.pop()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs one operation and notes its bias."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name in rules.QUESTIONS or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        bias = self._known(name, args, kwargs)
        if bias is not False:
            output = func(*args, **kwargs)
            for part in self._parts(bias):
                self._note(output, part, self._channels(name, args, output), per_channel=True)
            self._remember(name, args, output)
            return output
        given = rules.copied((args, kwargs)) if rules.overwrites(name, args, kwargs) else (args, kwargs)
        output = func(*args, **kwargs)
        outputs = pytree.tree_leaves(args[0] if output is None else output)
        if any(rules.depends(o) for o in outputs):
            self._note_implicit(name, func, given, args, outputs)
            self._remember(name, args, output)
        return output

    def _known(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Bias | bool | None:
        try:
            return rules.known(name, args, kwargs)
        except InputError as error:
            raise InputError(f"{self._running[-1]}: {error}") from None

    def _parts(self, bias: Bias | bool | None) -> Sequence[Bias]:
        if not isinstance(bias, Bias):
            return ()
        return self._folded.get(self._running[-1], (bias,)) if bias.operation in rules.CONVOLUTIONS else (bias,)

    def _note_implicit(self, name: str, func: Any, given: Any, args: Sequence[Any], outputs: Sequence[Any]) -> None:
        try:
            remainders = rules.implicit(func, *given)
        except (NotImplementedError, RuntimeError) as error:
            self.unaccounted.append(f"{self._running[-1]} ({name}: {' '.join(str(error).split())[:80]})")
            return
        for output, remainder in zip(outputs, remainders, strict=True):
            if remainder is not None and rules.depends(output):
                self._note(output, Bias(remainder, name), self._channels(name, args, output), per_channel=False)

    def _note(self, output: torch.Tensor, bias: Bias, channels: int, per_channel: bool) -> None:
        module = bias.module or self._running[-1]
        call = self._calls[module, bias.operation]
        self._calls[module, bias.operation] += 1
        edge = get_gradient_edge(output)
        self.entries.append(Entry(module, bias.operation, call, edge, bias.values, channels, per_channel))

    def _channels(self, name: str, args: Sequence[Any], output: torch.Tensor) -> int:
        """Returns the dimension of the channels: the last after linear layers, and whatever keeps their shape."""
        if name == "linear" or (output.ndim == 4 and self._is_last(name, args, output)):
            return output.ndim - 1
        return 1

    def _is_last(self, name: str, args: Sequence[Any], output: torch.Tensor) -> bool:
        if name in ("linear", "layer_norm"):
            return True
        given = [t for t in rules.tensors(args) if t.shape == output.shape]
        return name not in _MOVES_CHANNELS and any(getattr(t, "roadworthy_channels_last", False) for t in given)

    def _remember(self, name: str, args: Sequence[Any], output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and self._is_last(name, args, output):
            output.roadworthy_channels_last = True
