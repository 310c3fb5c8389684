"""The user's data from a bucket of a real S3 server."""

from __future__ import annotations

from pathlib import Path

from components.data.scenes import coco, voc
from components.data.scenes.cut_outs import read_cut_outs
from components.data.scenes.files import listed
from tests.data.test_mirror_s3 import bucket  # noqa: F401 - a fixture
from tests.scenes import own_copy as copy
from tests.scenes.cut_out_copy import folder


def test_a_bucket_gives_what_a_folder_gives(bucket: Path) -> None:  # noqa: F811
    copy.voc(bucket / "own" / "voc", {"train": ["a1", "a2"], "val": ["b1"], "test": ["b2"]})
    copy.coco(bucket / "own" / "coco", {"train": ["a1", "a2"], "val": ["b1"]})
    folder(bucket / "animals", {"dog": 2, "bear": 1})
    for kind, name in ((voc, "own/voc"), (coco, "own/coco")):
        far, near = listed(f"s3://mirror/{name}"), listed(str(bucket / name))
        assert kind.read(far) == kind.read(near)
        assert {n: far.read(n, 10**6) for n in far.names} == {n: near.read(n, 10**6) for n in near.names}
    far, near = listed("s3://mirror/animals"), listed(str(bucket / "animals"))
    stocks = [read_cut_outs(files, classes=(), seed=0, longest=77) for files in (far, near)]
    assert stocks[0].labels == stocks[1].labels == ("bear", "dog")
    assert stocks[0].notes == stocks[1].notes
