"""``package fetch``, what a pod does before its server starts: from a place into a folder, verified or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.errors import LimitError, StorageError
from components.package.archive import Limits, pack, verify
from components.package.fetch import fetch
from components.storage import Place, place
from tests.storage.s3_server import serving

ROOT = Path(__file__).resolve().parents[2]
OTHER = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture(params=["file", "s3"])
def models(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty place of each kind."""
    if request.param == "file":
        return place(str(tmp_path / "models"))
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return place(f"s3://signs/{uuid.uuid4().hex}")


@pytest.fixture
def packed(trained: Path, tmp_path: Path) -> Path:
    pack(trained, tmp_path / "model.tar.gz")
    return tmp_path / "model.tar.gz"


def run(uri: str, digest: str, folder: Path) -> subprocess.CompletedProcess[str]:
    given = ("--uri", uri, "--digest", digest, "--folder", str(folder))
    command = [sys.executable, "-W", "error", "-m", "components.package", "fetch", *given]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))


def test_a_model_is_fetched_verified_and_fetched_again(models: Place, packed: Path, tmp_path: Path) -> None:
    models.child("model.tar.gz").put_file(packed)
    digest, folder = verify(packed).digest, tmp_path / "volume" / "package"
    for _ in range(2):  # the pod's volume outlives the container
        done = run(models.child("model.tar.gz").uri, digest, folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, digest + "\n", "")
        assert [path.name for path in folder.parent.iterdir()] == ["package"]
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "trained" / "model.safetensors").read_bytes()


def test_another_model_than_was_asked_for_leaves_nothing(models: Place, packed: Path, tmp_path: Path) -> None:
    models.child("model.tar.gz").put_file(packed)
    done = run(models.child("model.tar.gz").uri, OTHER, tmp_path / "volume" / "package")
    assert done.returncode == 1
    assert done.stderr == f"package fetch: expected the model {OTHER}, found {verify(packed).digest}\n"
    assert list((tmp_path / "volume").iterdir()) == []


def test_a_damaged_archive_leaves_nothing(models: Place, packed: Path, tmp_path: Path) -> None:
    damaged = bytearray(packed.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    models.child("model.tar.gz").write_bytes(bytes(damaged))
    done = run(models.child("model.tar.gz").uri, verify(packed).digest, tmp_path / "volume" / "package")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert list((tmp_path / "volume").iterdir()) == []


def test_an_archive_that_is_not_there_is_told(models: Place, tmp_path: Path) -> None:
    uri = models.child("model.tar.gz").uri
    done = run(uri, OTHER, tmp_path / "volume" / "package")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "found no" in done.stderr


def test_a_failed_fetch_leaves_what_was_fetched_before(models: Place, packed: Path, tmp_path: Path) -> None:
    models.child("model.tar.gz").put_file(packed)
    folder = tmp_path / "volume" / "package"
    assert run(models.child("model.tar.gz").uri, verify(packed).digest, folder).returncode == 0
    assert run(models.child("model.tar.gz").uri, OTHER, folder).returncode == 1
    assert (folder / "manifest.json").exists()


def test_no_more_is_copied_than_an_archive_may_hold(models: Place, packed: Path, tmp_path: Path) -> None:
    models.child("model.tar.gz").put_file(packed)
    few = Limits(total=packed.stat().st_size // 2)
    with pytest.raises(LimitError, match=r"expected (an archive of )?at most"):
        fetch(models.child("model.tar.gz"), tmp_path / "volume" / "package", verify(packed).digest, few)
    assert not list((tmp_path / "volume").iterdir() if (tmp_path / "volume").exists() else [])


def test_a_place_that_is_none_is_told_without_its_secrets(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        place("https://user:secret@host/model.tar.gz")
    done = run("https://user:secret@host/model.tar.gz", OTHER, tmp_path / "package")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "secret" not in done.stderr
