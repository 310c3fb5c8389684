"""From a request's bytes to the tensors of a step, with the model that answered it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import torch

from components.capture.hook import TensorHook
from components.capture.tensors.files import Mode
from components.errors import InputError
from components.images import Pixels
from components.package import network
from components.package.archive import Package
from components.serve.limits import Limits
from components.serve.protocols import media, open_inference, sagemaker
from components.serve.tensors.pipe import Asked
from components.storage import place as to_place

STEP_BYTES = 256 * 1024 * 1024
"""Of the largest step: it shares the machine's memory with the server."""

PIXELS = "pixels"
OUTPUTS = ("probabilities", "class")  # that a client of a classifier may have asked for


class Recomputation:
    """Computes requests again and records their tensors.

    Each step holds ``pixels`` uint8 ``(N, height, width, 3)``, what the preprocessing made of the request's images; the
    logits ``<class>_output_0`` float32 ``(N, classes)``; and what else the pattern names. Gradients are those of the
    largest logit of each image, summed over the images: in eval mode, those of an activation are each image's own.
    ``gradient/image`` is with respect to ``<class>_input_0``, the normalised input.

    Args:
        model: The package.
        digest: The identity it must have.
        place: Where the steps go.

    Raises:
        ArchiveError: The package is damaged, or another.
        InputError: Its model is none that can be computed here.
        WeightsError: The weights do not fit.
    """

    def __init__(self, model: Path, digest: str, place: str) -> None:
        package = Package(model, digest=digest, public_key=None)  # the server has looked who signed it
        self._digest = package.digest
        self._preprocessing = package.description.preprocessing
        built = network.build(package.description, package.read(package.description.weights))
        # As the server lays it out in memory: other kernels would round otherwise.
        self._network = built.to(memory_format=torch.channels_last)
        self._logits = f"^{type(built).__name__}_output_0$"
        self._place = to_place(place)
        self._hooks: dict[str, TensorHook] = {}

    def record(self, asked: Asked) -> None:
        """Records one request as a step.

        Raises:
            InputError: The request cannot be read, the pattern matches nothing, or the step would be too large.
            StorageError: The place cannot be written.
        """
        limits = Limits(body_bytes=max(len(asked.body), Limits().body_bytes))  # the server has taken it already
        found = images(asked.body, asked.content_type, limits)
        batch = np.stack([self._preprocessing.resize(image) for image in found])
        hook = self._hook(asked.include_regex)
        inputs = torch.from_numpy(self._preprocessing.normalize(batch)).contiguous(memory_format=torch.channels_last)
        try:
            with hook.step(Mode.PREDICT, asked.event_id) as step, torch.set_grad_enabled(hook.gradients):
                step.save(PIXELS, batch)
                logits = self._network(inputs.requires_grad_(hook.gradients))
                if hook.gradients:
                    logits.gather(1, logits.argmax(dim=1, keepdim=True)).sum().backward()
        finally:
            self._network.zero_grad(set_to_none=True)

    def _hook(self, include_regex: str) -> TensorHook:
        if include_regex not in self._hooks:
            pattern = f"(?:{include_regex})|{self._logits}" if include_regex else self._logits
            # One at a time: the pattern changes when somebody changes the file, and a hook is its writer's numbers.
            self._hooks = {
                include_regex: TensorHook(
                    self._network, self._place, pattern, model=self._digest, step_bytes=STEP_BYTES
                )
            }
        return self._hooks[include_regex]


def images(body: bytes, content_type: str, limits: Limits = Limits()) -> list[Pixels]:  # noqa: B008 - a tuple
    """Returns the images of a request as it was captured, in whichever of the server's protocols it came.

    Args:
        body: Of the request.
        content_type: With ``inference-header-content-length`` as a parameter where the request had that header.
        limits: What is refused.

    Raises:
        InputError: It is in none, or over the limits.
    """
    kind = media.parse(content_type or media.OCTETS)
    length = kind.parameters.get(open_inference.HEADER_LENGTH.decode())
    if length is not None:
        if not length.isascii() or not length.isdigit():
            raise InputError(f"expected a header's length as a whole number, found {length[:20]!r}")
        return open_inference.parse(body, int(length), OUTPUTS, limits).images
    # /v2/…/infer takes JSON under any type; of the types of /invocations, only JSON could be meant for either.
    known = kind.name in sagemaker.ACCEPTED
    if (kind.name == media.JSON or not known) and _has_inputs(body):
        return open_inference.parse(body, None, OUTPUTS, limits).images
    return sagemaker.images(body, kind.name, limits)


def _has_inputs(body: bytes) -> bool:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and "inputs" in found
