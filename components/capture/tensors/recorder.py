"""What a hook keeps of one step: copies of what passes through a module's calls, forwards and backwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import torch

from components.capture.tensors import files, names
from components.capture.tensors.writing import Raw
from components.errors import InputError

DTYPES = {
    **{torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"},
    **{torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8"},
    **{torch.uint64: "U64", torch.uint32: "U32", torch.uint16: "U16"},
    **{torch.complex64: "C64", torch.bool: "BOOL"},
}


class Passed(NamedTuple):
    """What a tensor was like."""

    dtype: torch.dtype
    layout: torch.layout
    shape: tuple[int, ...]


class Recorder:
    """Attached to a module for the time of one step, and to what it computes in it.

    Copies are made where the values are, before an in-place operation that follows (a ReLU, say) can change them; so
    are gradients, which belong to the values before it (a tensor's hook stays with the value it was put on).

    Args:
        module: Whatever is called.
        wanted: Whether a tensor of a name shall be kept.
        limit: Bytes that are kept at most.

    Attributes:
        tensors: What was kept, by name.
        passed: What passed, by name, kept or not; gradients that could come are in it as well.
    """

    saving = True
    """Whether this step is kept."""

    def __init__(self, module: torch.nn.Module, wanted: Callable[[str], bool], limit: int = files.FILE_BYTES) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self.passed: dict[str, Passed] = {}
        self._module = module
        self._root = type(module).__name__
        self._wanted = wanted
        self._limit = limit
        self._calls: Counter[str] = Counter()
        self._bytes = 0
        self._hooks = ExitStack()

    def save(self, name: str, value: Any) -> None:
        """Keeps a tensor, array or number of the caller's under a name of its own, whether or not a pattern has it.

        Raises:
            InputError: The name cannot be, or is taken.
        """
        self._keep(names.known(name), torch.as_tensor(value))

    def __enter__(self) -> Recorder:
        """Attaches."""
        try:
            for path, module in self._module.named_modules():
                name = names.of_module(self._root, path)
                before = module.register_forward_pre_hook(partial(self._before, name), with_kwargs=True)
                self._hooks.callback(before.remove)
                self._hooks.callback(module.register_forward_hook(partial(self._after, name)).remove)
            for path, parameter in self._module.named_parameters():
                self._watch(f"{self._root}_{path}", parameter)
        except BaseException:
            self._hooks.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """Detaches from everything."""
        self._hooks.close()

    def _before(self, name: str, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        for value in flat((args, kwargs)):
            taken = self._count(f"{name}_input")
            self._pass(taken, value)
            if module is self._module and value.requires_grad:
                number = self._calls[names.IMAGE]
                self._calls[names.IMAGE] += 1
                self._watch(f"{names.IMAGE}_{number}" if number else names.IMAGE, value)

    def _after(self, name: str, module: torch.nn.Module, args: Any, output: Any) -> None:
        for value in flat(output):
            taken = self._count(f"{name}_output")
            self._pass(taken, value)
            self._watch(taken, value)

    def _count(self, name: str) -> str:
        number = self._calls[name]
        self._calls[name] += 1
        return f"{name}_{number}"

    def _pass(self, name: str, value: torch.Tensor) -> None:
        self.passed[name] = Passed(value.dtype, value.layout, tuple(value.shape))
        if self._wanted(name):
            self._keep(name, value)

    def _watch(self, name: str, value: torch.Tensor) -> None:
        name = names.GRADIENT + name
        if not value.requires_grad:
            return
        self.passed[name] = Passed(value.dtype, value.layout, tuple(value.shape))
        if self._wanted(name):
            self._hooks.callback(value.register_hook(partial(self._gradient, name)).remove)

    def _gradient(self, name: str, gradient: torch.Tensor) -> None:
        if name in self.tensors:  # a second backward pass in the step adds to it, as it adds to a parameter's grad
            self.tensors[name] = self.tensors[name] + gradient.detach()
        else:
            self._keep(name, gradient)

    def _keep(self, name: str, value: torch.Tensor) -> None:
        if name in self.tensors:
            raise InputError(f"expected one tensor a name in a step, found two called {name!r}")
        self._bytes += value.numel() * value.element_size()
        if self._bytes > self._limit:
            raise InputError(f"expected at most {self._limit} bytes a step, found more: name fewer tensors")
        spelled(name, value.dtype, value.layout)
        self.tensors[name] = value.detach().clone()


class Idle:
    """Stands for the recorder of a step that is not kept."""

    saving = False

    def save(self, name: str, value: Any) -> None:
        """Does nothing."""


def flat(value: Any) -> Iterator[torch.Tensor]:
    """Yields the tensors in nested tuples, lists and mappings, in their order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from flat(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from flat(one)


def raw(name: str, value: torch.Tensor) -> Raw:
    """Returns a tensor's values as a file holds them; they are copied from wherever they are.

    Raises:
        InputError: Its dtype or layout is none that safetensors has.
    """
    dtype = spelled(name, value.dtype, value.layout)
    dense = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    # As bytes in torch already: NumPy has no bfloat16. A dimension is added since a scalar cannot be viewed as bytes.
    return Raw(dtype, tuple(value.shape), dense.reshape(-1).view(torch.uint8).numpy().tobytes())


def spelled(name: str, dtype: torch.dtype, layout: torch.layout = torch.strided) -> str:
    """Returns a dtype as safetensors spells it.

    Raises:
        InputError: It is none that safetensors has, or the tensor is not dense.
    """
    if layout is not torch.strided or dtype not in DTYPES:
        found = f"{dtype}, {layout}".replace("torch.", "")
        raise InputError(f"{name}: expected a dense tensor of {', '.join(DTYPES.values())}, found {found}")
    return DTYPES[dtype]
