"""What MXNet writes is what the package reads: weights of any kind, and the networks of GluonCV's zoo."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.errors import WeightsError
from components.package import params, symbol
from components.package.archive import Package, check_model

mxnet = pytest.importorskip("mxnet", reason="expected the detector's environment, found another image's")
exported = importlib.import_module("tests.detector.exported")

pytestmark = pytest.mark.filterwarnings("ignore")  # MXNet's and GluonCV's own


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "uint8", "int32", "int8", "int64"])
def test_arrays_that_mxnet_saved_are_read_to_the_bit(kind: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    arrays = {
        f"arg:{sides}": (generator.standard_normal(sides) * 50).astype(kind)
        for sides in ((1,), (7,), (3, 4), (2, 3, 4, 5), (1,) * 6)
    }
    path = str(tmp_path / "saved.params")
    mxnet.nd.save(path, {name: mxnet.nd.array(array, dtype=kind) for name, array in arrays.items()})
    found = params.load_numpy(Path(path).read_bytes())
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_sparse_and_nameless_lists_that_mxnet_saved_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "saved.params"
    for saved, match in (
        ({"arg:a": mxnet.nd.sparse.zeros("row_sparse", (4, 4))}, "expected a dense array, found storage type 1"),
        ({"arg:a": mxnet.nd.sparse.zeros("csr", (4, 4))}, "expected a dense array, found storage type 2"),
        ([mxnet.nd.zeros(3)], "expected 1 names"),
        ({"a": mxnet.nd.zeros(3)}, "expected names that begin with arg: or aux:"),
    ):
        mxnet.nd.save(str(path), saved)
        with pytest.raises(WeightsError, match=match):
            params.check(path.read_bytes())


def test_an_exported_detector_is_a_model(tmp_path: Path) -> None:
    folder = exported.model(tmp_path / "animals")
    assert check_model(Package(exported.archive(folder))).symbol == "model-symbol.json"


@pytest.mark.parametrize(
    "name",
    [
        "yolo3_darknet53_custom",
        "yolo3_mobilenet1.0_custom",
        "ssd_300_vgg16_atrous_custom",
        "ssd_512_resnet50_v1_custom",
        "faster_rcnn_fpn_resnet50_v1b_coco",
        "center_net_resnet18_v1b_dcnv2_coco",
    ],
)
def test_the_zoos_networks_are_allowed_and_need_what_mxnet_says(name: str) -> None:
    import gluoncv

    more: dict[str, Any] = {"classes": ["dog", "zebra"]} if name.endswith("custom") else {}
    network = gluoncv.model_zoo.get_model(name, pretrained=False, pretrained_base=False, **more)
    network.hybridize()
    graph = mxnet.sym.Group(list(network(mxnet.sym.var("data"))))
    found = symbol.check(graph.tojson().encode())
    assert found.parameters == set(graph.list_arguments()) - {"data"}
    assert found.statistics == set(graph.list_auxiliary_states())
