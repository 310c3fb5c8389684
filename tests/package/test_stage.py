from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from components.package import architectures
from components.package.archive import verify
from components.package.description import ModelDescription

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "components.package", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def pack(at: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return run("pack", "--model", at / "trained", "--archive", at / "m.tar.gz", "--digest", at / "digest", *more)


def test_a_trained_model_is_packed_verified_and_unpacked(tmp_path: Path, trained: Path) -> None:
    done = pack(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    digest = (tmp_path / "digest").read_text()
    assert verify(tmp_path / "m.tar.gz").digest == digest
    said = run("verify", "--archive", tmp_path / "m.tar.gz", "--digest", digest)
    assert (said.returncode, said.stdout) == (0, digest + "\n")
    unpacked = run("unpack", "--archive", tmp_path / "m.tar.gz", "--folder", tmp_path / "out", "--digest", digest)
    assert (unpacked.returncode, unpacked.stdout) == (0, digest + "\n")
    assert run("verify", "--archive", tmp_path / "out").stdout == digest + "\n"


def test_the_archive_is_listed_with_its_metadata_for_the_ui(tmp_path: Path, trained: Path) -> None:
    listed = {"name": "archive", "type": {"schemaTitle": "system.Model"}, "uri": "x", "metadata": {"kept": 1}}
    told = {"outputs": {"outputFile": str(tmp_path / "out.json"), "artifacts": {"archive": {"artifacts": [listed]}}}}
    assert pack(tmp_path, "--executor-input", json.dumps(told)).returncode == 0
    metadata = json.loads((tmp_path / "out.json").read_text())["artifacts"]["archive"]["artifacts"][0]["metadata"]
    assert metadata == {
        "kept": 1,
        "model": "traffic-signs",
        "framework": "torch",
        "task": "classification",
        "architecture": "two-layers",
        "classes": 3,
        "digest": (tmp_path / "digest").read_text(),
        "bytes": (tmp_path / "m.tar.gz").stat().st_size,
        "files": {p: (trained / p).stat().st_size for p in ("code/inference.py", "model.json", "model.safetensors")},
    }


def refused(done: subprocess.CompletedProcess[str], at: Path, message: str) -> None:
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert sorted(p.name for p in at.iterdir()) == ["trained"]


def test_a_folder_without_description_is_not_packed(tmp_path: Path, trained: Path) -> None:
    (trained / "model.json").unlink()
    refused(pack(tmp_path), tmp_path, "none called 'model.json'")


def test_a_folder_without_weights_is_not_packed(tmp_path: Path, trained: Path) -> None:
    (trained / "model.safetensors").unlink()
    refused(pack(tmp_path), tmp_path, "none called 'model.safetensors'")


def test_weights_that_are_a_pickle_are_not_packed(tmp_path: Path, trained: Path) -> None:
    (trained / "model.safetensors").write_bytes(b"\x80\x04\x95\x00")
    refused(pack(tmp_path), tmp_path, "expected weights as safetensors, found a pickle")


def test_weights_of_another_number_of_classes_are_not_packed(
    tmp_path: Path, trained: Path, description: ModelDescription
) -> None:
    dataclasses.replace(description, architecture="resnet18").write(trained)
    kinds = {"F32": np.float32, "I64": np.int64}
    tensors = architectures.expected("resnet18", 43) or {}
    weights = {name: np.zeros(shape, kinds[dtype]) for name, (dtype, shape) in tensors.items()}
    (trained / "model.safetensors").write_bytes(save(weights))
    done = pack(tmp_path)
    refused(
        done, tmp_path, "'fc.bias' as F32 (3,) (found F32 (43,)); 'fc.weight' as F32 (3, 512) (found F32 (43, 512))"
    )


@pytest.mark.parametrize("command", ["verify", "unpack"])
def test_another_model_than_asked_for_is_refused(command: str, tmp_path: Path, trained: Path) -> None:
    assert pack(tmp_path).returncode == 0
    folder = ("--folder", tmp_path / "out") if command == "unpack" else ()
    done = run(command, "--archive", tmp_path / "m.tar.gz", *folder, "--digest", "sha256:" + "0" * 64)
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected the model sha256:0000" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_refused(tmp_path: Path, trained: Path) -> None:
    assert pack(tmp_path).returncode == 0
    data = bytearray((tmp_path / "m.tar.gz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "m.tar.gz").write_bytes(data)
    done = run("verify", "--archive", tmp_path / "m.tar.gz")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_the_program_names_its_commands() -> None:
    assert "pack, sign, key, verify, unpack, fetch" in run("--help").stdout
    assert run("explode").returncode == 2
    for command in ("pack", "sign", "key", "verify", "unpack", "fetch"):
        assert run(command, "--help").returncode == 0


def test_help_needs_neither_numpy_nor_an_image_library() -> None:
    program = "import sys, components.package.__main__; print(sorted({'numpy', 'PIL', 'kfp'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_packing_twice_gives_the_same_bytes(tmp_path: Path, trained: Path) -> None:
    assert pack(tmp_path).returncode == 0
    first = (tmp_path / "m.tar.gz").read_bytes()
    shutil.copytree(trained, tmp_path / "other")
    arguments = ("--archive", tmp_path / "n.tar.gz", "--digest", tmp_path / "d")
    assert run("pack", "--model", tmp_path / "other", *arguments).returncode == 0
    assert (tmp_path / "n.tar.gz").read_bytes() == first
