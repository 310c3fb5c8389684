"""Trials over a place that anybody may write to: what lies in it is refused by name, or not seen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.capture.tensors import files
from components.capture.tensors.files import Key, Mode
from components.capture.tensors.writing import StepWriter, raw
from components.capture.trial import create_trial
from components.errors import RecordError

WORKER = "0123456789ab"
KEY = Key(Mode.PREDICT, 0, WORKER)
METADATA = {"format": files.FORMAT, "mode": "PREDICT", "step": "0", "worker": WORKER}
ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def put(root: Path, content: bytes, key: str = KEY.path) -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def file(header: Any, data: bytes = b"\0" * 4, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def stated(**changes: str) -> dict[str, Any]:
    return {"__metadata__": {**METADATA, **changes}, "x": ONE}


BAD = {
    "nothing": b"",
    "seven bytes": b"\0" * 7,
    "a header of no length": file(b""),
    "a header longer than the file": file(stated(), length=2**63),
    "a header over the limit": file(b"{" + b" " * 9_000_000),
    "a header that is no UTF-8": file(b'{"\xff": 1}'),
    "a header that is no JSON": file(b"{not json"),
    "a key twice": file(b'{"x": 1, "x": 2}'),
    "a pickle": b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.",
    "a zip": b"PK\x03\x04" + b"\0" * 100,
    "data cut short": file(stated(), data=b"\0" * 3),
    "data too long": file(stated(), data=b"\0" * 5),
    "a hole": file({**stated(), "x": {**ONE, "data_offsets": [4, 8]}}, data=b"\0" * 8),
    "overlapping": file({**stated(), "y": ONE}),
    "offsets out of the file": file({**stated(), "x": {**ONE, "data_offsets": [0, 2**40], "shape": [2**38]}}),
    "negative offsets": file({**stated(), "x": {**ONE, "data_offsets": [-4, 0]}}),
    "a shape that overflows": file({**stated(), "x": {**ONE, "shape": [2**32, 2**32]}}),
    "an unknown dtype": file({**stated(), "x": {**ONE, "dtype": "OBJECT"}}),
    "metadata that is no text": file({"__metadata__": {"step": 0}, "x": ONE}),
    "a name with path parts": file({"__metadata__": METADATA, "../../etc/cron.d/x": ONE}),
    "an absolute name": file({"__metadata__": METADATA, "/etc/passwd": ONE}),
    "a name with a line's end": file({"__metadata__": METADATA, "x\nINFO all well": ONE}),
    "no metadata": file({"x": ONE}),
    "another format": file(stated(format="something else 9")),
    "another step's content": file(stated(step="1")),
    "another worker's content": file(stated(worker="f" * 12)),
    "another event's content": file(stated(event_id="e")),
    "parameters that climb": file(stated(parameters="../steps/x")),
    "parameters that are not there": file(stated(parameters="a" * 64)),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_by_name_and_harms_no_other_step(tmp_path: Path, what: str) -> None:
    bad = put(tmp_path, BAD[what])
    StepWriter(str(tmp_path)).write(Mode.PREDICT, 1, {"x": raw(np.ones(1, np.float32))})
    trial = create_trial(str(tmp_path))
    assert trial.steps() == [0, 1]
    assert trial.tensor("x").value(1).tolist() == [1.0]
    with pytest.raises(RecordError) as refused:
        trial.tensor_names(step=0)
    if not what.startswith("parameters"):  # those are read when something in them is asked for
        with pytest.raises(RecordError):
            trial.tensor("x").value(0)
    assert bad.name in str(refused.value) or f"worker {WORKER}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Path("/tmp/owned").exists()


def test_the_same_file_without_a_lie_is_read(tmp_path: Path) -> None:
    put(tmp_path, file(stated()))
    assert create_trial(str(tmp_path)).tensor("x").value(0).tolist() == [0.0]


def test_a_boolean_is_neither_more_nor_less(tmp_path: Path) -> None:
    put(tmp_path, file({"__metadata__": METADATA, "x": {**ONE, "dtype": "BOOL", "shape": [4]}}, data=b"\0\1\2\1"))
    with pytest.raises(RecordError, match="expected booleans as 0 and 1, found 2"):
        create_trial(str(tmp_path)).tensor("x").value(0)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, file(stated()))
    os.truncate(path, files.FILE_BYTES + 1)  # sparse: it takes no room
    with pytest.raises(RecordError, match=f"expected at most {files.FILE_BYTES} bytes"):
        create_trial(str(tmp_path)).tensor_names()


def test_half_written_and_foreign_files_are_no_steps(tmp_path: Path) -> None:
    folder = f"steps/PREDICT/{0:09d}"
    for name in (
        f".{0:012d}_{WORKER}.safetensors.3f2a.partial",
        f"{0:012d}_{WORKER}.safetensors.tmp",
        f"{0:012d}_{WORKER.upper()}.safetensors",
        f"{0:012d}_{WORKER}_.safetensors",
        f"{0:012d}_{WORKER}_a b.safetensors",
        f"{1000:012d}_{WORKER}.safetensors",  # belongs into another folder
        "notes.txt",
    ):
        put(tmp_path, file(stated()), f"{folder}/{name}")
    put(tmp_path, file(stated()), f"steps/DANCE/{0:09d}/{0:012d}_{WORKER}.safetensors")
    put(tmp_path, file(stated()), f"steps/PREDICT/x/{0:012d}_{WORKER}.safetensors")
    (tmp_path / folder / f"{2:012d}_{WORKER}.safetensors").mkdir()
    assert create_trial(str(tmp_path)).steps() == []


def test_a_file_that_shrinks_between_its_header_and_its_value_is_an_error(tmp_path: Path) -> None:
    from components.errors import StorageError

    path = put(tmp_path, file(stated()))
    trial = create_trial(str(tmp_path))
    tensor = trial.tensor("x")
    os.truncate(path, path.stat().st_size - 2)
    with pytest.raises(StorageError, match=r"expected 4 bytes from .*, found 2"):
        tensor.value(0)
