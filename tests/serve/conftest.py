"""Fixtures of the server's tests: pictures, packages, and servers in this process or in one of their own."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.serve.deploy.kubernetes import rollout
from tests.serve.kubernetes_api import Api, Served

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))


def encoded(red: int = 84, *, side: int = 32, form: str = "PNG", size: tuple[int, int] | None = None) -> bytes:
    """Returns a picture of one colour; the trivial model says its class is ``red // 6``."""
    buffer = io.BytesIO()
    Image.new("RGB", size or (side, side), (red, 40, 40)).save(buffer, form)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Any:
    return encoded


@pytest.fixture
def as_npy() -> Any:
    return npy


@contextmanager
def started(*arguments: str, wait: float = 30.0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yields the url and the process of a server over the trivial model."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "trivial.py"), "--socket", str(listening.fileno()), *arguments],
        pass_fds=[listening.fileno()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    listening.close()
    try:
        end = time.monotonic() + wait
        while time.monotonic() < end and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server() -> Any:
    return started


@pytest.fixture(scope="session")
def running() -> Iterator[str]:
    with started("--header-seconds", "1.5", "--body-seconds", "1.5") as (url, _):
        yield url


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as fine_tune writes it: a ResNet18 with random weights, 43 classes, 64 pixels."""
    import torch
    from safetensors.torch import save
    from torchvision.models import resnet18

    from components.images import Preprocessing
    from components.package.description import ModelDescription

    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(5)
    network = resnet18(num_classes=43)
    (folder / "model.safetensors").write_bytes(save(network.state_dict()))
    ModelDescription(
        name="signs",
        task="classification",
        framework="torch",
        architecture="resnet18",
        weights="model.safetensors",
        labels=tuple(f"sign {number}" for number in range(43)),
        preprocessing=Preprocessing(64, 64),
        versions={"torch": "2"},
        data={"name": "none", "digest": "sha256:" + "0" * 64},
    ).write(folder)
    return folder


@pytest.fixture(scope="session")
def archive(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from components.package.archive import pack

    path = tmp_path_factory.mktemp("packed") / "model.tar.gz"
    pack(trained, path)
    return path


HANDLER = """
import json
import sys


def model_fn(model_dir):
    print("model loaded from", model_dir, file=sys.stderr)
    return {"offset": 1}


def transform_fn(model, body, content_type, accept, context):
    if content_type == "text/crash":
        import os
        os._exit(3)
    if content_type == "text/raise":
        raise KeyError("a secret path /etc/shadow")
    return json.dumps({"length": len(body) + model["offset"], "event": context.event_id}), "application/json"
"""


@pytest.fixture(scope="session")
def handler_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with code of its own: it answers the body's length plus one."""
    from components.package.archive import pack

    folder = tmp_path_factory.mktemp("handler")
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(HANDLER)
    path = tmp_path_factory.mktemp("packed") / "model.tar.gz"
    pack(folder, path)
    return path


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Yields a cluster's API server, which KUBECONFIG names."""
    found = Served(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig))
    monkeypatch.setattr(rollout, "POLL_SECONDS", 0.02)
    yield found
    found.close()


@pytest.fixture
def api(served: Served) -> Api:
    served.api.on_apply = served.api.ready
    return served.api
