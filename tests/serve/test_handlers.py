"""Code that travels in an archive: what it must offer, what it is given, and what its answers and errors become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.package.archive import pack, unpack
from components.serve.handlers import Call, Handler
from components.serve.loading import Settings, load

STEPS = """
import json

def model_fn(model_dir):
    return 10

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    return data + model

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""

WHOLE = """
def model_fn(model_dir, context):
    assert context.model_dir == model_dir
    return model_dir

def transform_fn(model, body, content_type, accept, context):
    return body + context.event_id.encode() + context.headers["x-a"].encode(), "text/x"
"""


def handler(tmp_path: Path, source: str) -> Handler:
    return Handler(tmp_path, source.encode())


def call(body: bytes = b"5", accept: str = "application/json") -> Call:
    return Call(body, "application/json", accept, "event", {"x-a": "b"})


def test_three_steps_make_an_answer(tmp_path: Path) -> None:
    assert handler(tmp_path, STEPS).answer(call()) == (b"15", "application/json")


def test_one_function_with_a_context_makes_an_answer(tmp_path: Path) -> None:
    assert handler(tmp_path, WHOLE).answer(call()) == (b"5eventb", "text/x")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def model_fn(model_dir): return 1",
        "def transform_fn(model, body, content_type, accept): return b''",
        STEPS + "\ndef transform_fn(model, body, content_type, accept): return b''",
        STEPS.replace("def predict_fn", "def predict"),
        STEPS.replace("def model_fn", "def load"),
        WHOLE.replace("model, body, content_type, accept, context", "model, body"),
        WHOLE.replace("model_dir, context", "model_dir, context, more"),
    ],
)
def test_forms_that_are_incomplete_or_mixed_are_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="expected"):
        handler(tmp_path, source)


def test_an_answer_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="expected a text, bytes"):
        handler(tmp_path, STEPS.replace("json.dumps(prediction)", "prediction")).answer(call())


@pytest.fixture
def packed(tmp_path: Path) -> Any:
    def make(**files: str) -> Path:
        folder = tmp_path / "model"
        (folder / "code").mkdir(parents=True)
        for name, content in files.items():
            (folder / "code" / f"{name}.py").write_text(content)
        pack(folder, tmp_path / "model.tar.gz")
        unpack(tmp_path / "model.tar.gz", tmp_path / "unpacked")
        return tmp_path / "unpacked"

    return make


def test_code_runs_only_when_it_is_allowed(packed: Any) -> None:
    folder = packed(inference="raise SystemExit('ran')")
    with pytest.raises(InputError, match="--allow-code"):
        load(folder, Settings())


def test_code_may_import_what_lies_beside_it_and_the_package_stays_whole(packed: Any) -> None:
    folder = packed(inference="from helper_of_it import *", helper_of_it=STEPS)
    for _ in range(2):  # a second start must not find files that the first one left
        model = load(folder, Settings(allow_code=True)).model
        assert isinstance(model, Handler)
        assert model.answer(call()) == (b"15", "application/json")


def test_changed_code_does_not_run(packed: Any) -> None:
    from components.errors import DigestError

    folder = packed(inference=STEPS, helper="x = 1")
    (folder / "code" / "helper.py").write_text("x = 2")
    with pytest.raises(DigestError):
        load(folder, Settings(allow_code=True))
