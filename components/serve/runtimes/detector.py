"""Object detectors in MXNet: GluonCV's networks as ``HybridBlock.export`` writes them, from verified bytes.

MXNet sees neither file as it came. The weights are read by ``package.params`` and handed over as arrays; the network is
JSON whose every index, operator and number ``package.symbol`` has looked at.

Batches are as large as they come. MXNet plans its memory again whenever the size changes, which took about a
millisecond where a batch of eight takes 13 (two million parameters, 128 pixels, one core): less than what padding to
fixed sizes would compute in vain.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError, WeightsError
from components.images import Pixels
from components.package import params, symbol
from components.package.description import ModelDescription
from components.serve.runtimes import detections


class Options(NamedTuple):
    """How the network runs.

    Attributes:
        threads: For one batch on a CPU; 0 leaves it to MXNet. Without effect once MXNet is imported.
        device: ``cuda``, ``cpu``, or empty for whichever there is.
    """

    threads: int = 0
    device: str = ""


class Detector(detections.Detected):
    """An MXNet detector behind the ``Runtime`` protocol.

    MXNet's operators run in threads of its own, but one network must not be called by two threads at once: the
    server's one model thread is the only caller.

    Args:
        network: Content of the symbol file, checked.
        arrays: Of the weights, by name with ``arg:`` or ``aux:``.
        description: ``labels`` and ``preprocessing`` are used.
        options: How it runs.

    Raises:
        WeightsError: MXNet finds that the weights' shapes do not fit the network, or it is no detector.
    """

    def __init__(
        self, network: bytes, arrays: Mapping[str, NDArray[Any]], description: ModelDescription, options: Options
    ) -> None:
        self._mxnet = _mxnet(options.threads)
        self._device = _device(self._mxnet, options.device)
        self.platform = "mxnet"
        self.preprocessing = description.preprocessing
        self._sides = (self.preprocessing.height, self.preprocessing.width)
        self._classes = len(description.labels)
        with self._telling():
            graph = self._mxnet.sym.load_json(network.decode("utf-8"))
            self._check_shapes(graph, arrays)
        given = {
            name[4:]: self._mxnet.nd.array(array, self._device, array.dtype.newbyteorder("="))
            for name, array in arrays.items()
        }
        self._inputs = [given.get(name) for name in graph.list_inputs()]
        self._place = graph.list_inputs().index(symbol.INPUT)
        fixed = [index for index in range(len(self._inputs)) if index != self._place]
        # Memory planned once for a size and kept, instead of being asked for by every operator of every batch.
        flags = {"data_indices": [self._place], "param_indices": fixed, "static_alloc": True, "static_shape": True}
        with self._telling():
            self._graph = self._mxnet.nd.CachedOp(graph, list(flags.items()))
        super().__init__(description.labels, self._warm_up())

    def prepare(self, image: Pixels) -> Pixels:
        """Returns the image as ``(height, width, 3)``, stretched as the contract says."""
        return self.preprocessing.resize(image)

    def predict(self, batch: Pixels) -> NDArray[np.float32]:
        """Returns detections float32 ``(batch, n, 6)`` for uint8 RGB ``(batch, height, width, 3)``.

        Raises:
            WeightsError: MXNet could not run the network.
        """
        ids, scores, boxes = self._run(batch)
        return detections.rows(ids, scores, boxes, self._classes, self._sides)

    def _run(self, batch: Pixels) -> list[NDArray[Any]]:
        inputs = list(self._inputs)
        with self._telling():
            inputs[self._place] = self._mxnet.nd.array(self.preprocessing.normalize(batch), self._device)
            return [output.asnumpy() for output in self._graph(*inputs)]

    def _check_shapes(self, graph: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Checks that arrays are of the lengths that the network will read; MXNet itself does not for all of them."""
        names = [f"arg:{name}" for name in graph.list_arguments()]
        names += [f"aux:{name}" for name in graph.list_auxiliary_states()]
        if f"arg:{symbol.INPUT}" not in names:
            raise WeightsError(f"expected outputs that depend on {symbol.INPUT!r}, found that none does")
        # From the images' shape alone: told the arrays' shapes, MXNet would believe them.
        parameters, _, statistics = graph.infer_shape(**{symbol.INPUT: (1, 3, *self._sides)})
        for name, shape in zip(names, (*(parameters or ()), *(statistics or ())), strict=False):
            if name in arrays and arrays[name].shape != tuple(shape):
                raise WeightsError(f"{name}: expected the shape {shape} of the network, found {arrays[name].shape}")
        if parameters is None:
            raise WeightsError(
                "expected a network whose shapes follow from the images', found one that leaves some open"
            )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turns MXNet's errors, a page each, into one line."""
        try:
            yield
        except self._mxnet.base.MXNetError as error:
            reason = next((line for line in str(error).splitlines() if "Error" in line), str(error))
            said = " ".join(reason.split())[:300]
            raise WeightsError(f"expected a network that runs, found that MXNet says {said}") from None

    def _warm_up(self) -> int:
        """Runs a batch of two and one of one, and returns the rows an image."""
        found = [self.predict(np.zeros((size, *self._sides, 3), np.uint8)).shape for size in (2, 1)]
        if found[0] != (2, *found[1][1:]):
            raise WeightsError(f"expected outputs for a batch of 2 as for one of 1, found {found[0]} and {found[1]}")
        return found[0][1]


def load(description: ModelDescription, network: bytes, weights: bytes, options: Options) -> Detector:
    """Builds the detector of a package and warms it up.

    Args:
        description: ``labels`` and ``preprocessing`` are used.
        network: The verified content of a symbol file.
        weights: The verified content of a ``.params`` file.
        options: How it runs.

    Raises:
        InputError: There is no such device.
        WeightsError: A file is not what it should be, or they do not fit each other.
    """
    arrays = params.load_numpy(weights)
    symbol.check(network).check_weights({name: array.shape for name, array in arrays.items()})
    return Detector(network, arrays, description, options)


def _mxnet(threads: int) -> Any:
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # read when the library is loaded, and never again
    # Else cuDNN tries all its algorithms anew for every batch size, seconds each, while clients wait.
    os.environ.setdefault("MXNET_CUDNN_AUTOTUNE_DEFAULT", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own use of NumPy; MXNet is retired and will not mend it
        import mxnet
    return mxnet


def _device(mxnet: Any, wanted: str) -> Any:
    there = mxnet.context.num_gpus() > 0 if wanted != "cpu" else False
    if wanted == "cuda" and not there:
        raise InputError("expected a GPU that MXNet can use, found none: is this its build for CUDA?")
    return mxnet.gpu(0) if there else mxnet.cpu()
