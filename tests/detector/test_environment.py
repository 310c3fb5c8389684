"""The detector's environment: MXNet and GluonCV build, run, export and load a network on this Python."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MXNet is retired: no one will mend its deprecations
    mxnet = pytest.importorskip("mxnet", reason="expected the detector's environment, found another image's")
    import gluoncv

pytestmark = pytest.mark.filterwarnings("ignore")  # and of its dependencies


def test_a_detector_of_the_zoo_survives_its_export_to_the_bit(tmp_path: Path) -> None:
    mxnet.random.seed(1)
    network = gluoncv.model_zoo.get_model(
        "yolo3_mobilenet0.25_custom", classes=["dog", "zebra"], pretrained_base=False, root=str(tmp_path)
    )
    network.initialize()
    network.hybridize()
    images = mxnet.nd.random.uniform(shape=(2, 3, 96, 96))
    expected = network(images)
    network.export(str(tmp_path / "net"), epoch=0)
    again = mxnet.gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params")
    )
    for one, other in zip(expected, again(images), strict=True):
        assert one.shape[:2] == (2, 100)
        assert (one == other).asnumpy().all()
