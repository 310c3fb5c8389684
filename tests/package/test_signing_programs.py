"""Keys and signatures by the programs: made, used, required, and never told."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from components.package.archive import Package
from tests.package import bundles

ROOT = Path(__file__).resolve().parents[2]
KEY, OTHER = bundles.made(), bundles.made()


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROADWORTHY_PUBLIC_KEY", "ROADWORTHY_SIGNING_KEY", "ROADWORTHY_SIGNING_KEY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "components.package", *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env, timeout=60)


def packed(at: Path, *more: object, **environment: str) -> subprocess.CompletedProcess[str]:
    given = ("--model", at / "trained", "--archive", at / "m.tar.gz", "--digest", at / "digest")
    return run("pack", *given, *more, **environment)


def test_keys_are_made_used_and_required_by_the_programs(tmp_path: Path, trained: Path) -> None:
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    done = run("key", "--private-key", private, "--public-key", public)
    assert (done.returncode, done.stderr) == (0, "")
    fingerprint = done.stdout.strip()
    assert (stat.S_IMODE(private.stat().st_mode), len(fingerprint)) == (0o600, 64)
    listed = {"name": "archive", "type": {"schemaTitle": "system.Model"}, "uri": "x"}
    told = {"outputs": {"outputFile": str(tmp_path / "out.json"), "artifacts": {"archive": {"artifacts": [listed]}}}}
    done = packed(tmp_path, "--signing-key", private, "--executor-input", json.dumps(told))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"signed by the key {fingerprint[:12]}…" in done.stdout
    metadata = json.loads((tmp_path / "out.json").read_text())["artifacts"]["archive"]["artifacts"][0]["metadata"]
    assert metadata["signed_by"] == fingerprint

    archive, digest = tmp_path / "m.tar.gz", (tmp_path / "digest").read_text()
    asked: list[tuple[object, ...]] = [
        ("verify", "--archive", archive),
        ("unpack", "--archive", archive, "--folder", tmp_path / "unpacked"),
        ("fetch", "--uri", archive, "--digest", digest, "--folder", tmp_path / "fetched"),
    ]
    for one in asked:
        refused = run(*one, "--public-key", OTHER.public.pem)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert "expected a model signed by the key" in refused.stderr
        refused = run(*one, ROADWORTHY_PUBLIC_KEY=OTHER.public.pem)
        assert refused.returncode == 1
        done = run(*one, "--public-key", public)
        assert (done.returncode, done.stdout, done.stderr) == (0, digest + "\n", "")


def test_a_secret_in_the_environment_signs_and_is_not_told(tmp_path: Path, trained: Path) -> None:
    secret = KEY.pem().decode()
    done = packed(tmp_path, ROADWORTHY_SIGNING_KEY=secret)
    assert (done.returncode, done.stderr) == (0, "")
    assert secret.splitlines()[1] not in done.stdout
    Package(tmp_path / "m.tar.gz", public_key=KEY.public.pem)
    done = run("sign", "--archive", tmp_path / "m.tar.gz", ROADWORTHY_SIGNING_KEY=OTHER.pem().decode())
    assert (done.returncode, done.stdout) == (0, (tmp_path / "digest").read_text() + "\n")
    Package(tmp_path / "m.tar.gz", public_key=OTHER.public.pem)
    done = run("sign", "--archive", tmp_path / "m.tar.gz")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "neither --signing-key nor ROADWORTHY_SIGNING_KEY" in done.stderr


def test_what_is_packed_is_ones_own_whatever_key_the_environment_requires(tmp_path: Path, trained: Path) -> None:
    assert packed(tmp_path, ROADWORTHY_PUBLIC_KEY=OTHER.public.pem).returncode == 0
    done = run("verify", "--archive", tmp_path / "m.tar.gz", ROADWORTHY_PUBLIC_KEY=OTHER.public.pem)
    assert (done.returncode, "found no signature" in done.stderr) == (1, True)


def test_a_key_that_was_given_where_its_file_belongs_is_not_repeated(tmp_path: Path, trained: Path) -> None:
    secret = KEY.pem().decode()
    for wrong in (secret, "".join(secret.splitlines()), secret.replace("\n", "\\n")):
        done = packed(tmp_path, "--signing-key", wrong)
        assert done.returncode == 2
        assert secret.splitlines()[1][:20] not in done.stdout + done.stderr
    for wrong in (secret, secret.splitlines()[1], secret.replace("\n", "\\n")):
        done = run("verify", "--archive", trained, "--public-key", wrong)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert secret.splitlines()[1][:20] not in done.stderr
        done = packed(tmp_path, ROADWORTHY_SIGNING_KEY=wrong.replace("A", "?"))
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert secret.splitlines()[1].replace("A", "?")[:20] not in done.stderr


def test_an_encrypted_key_takes_its_password_from_the_environment(tmp_path: Path, trained: Path) -> None:
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    done = run("key", "--private-key", private, "--public-key", public, ROADWORTHY_SIGNING_KEY_PASSWORD="long enough")
    assert done.returncode == 0
    assert "ENCRYPTED" in private.read_text()
    assert "expected the password" in packed(tmp_path, "--signing-key", private).stderr
    wrong = packed(tmp_path, "--signing-key", private, ROADWORTHY_SIGNING_KEY_PASSWORD="wrong and told to nobody")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "that the password fits" in wrong.stderr
    assert "nobody" not in wrong.stderr
    assert not (tmp_path / "m.tar.gz").exists()
    assert packed(tmp_path, "--signing-key", private, ROADWORTHY_SIGNING_KEY_PASSWORD="long enough").returncode == 0
    Package(tmp_path / "m.tar.gz", public_key=str(public))


@pytest.mark.parametrize("there", ["private", "public"])
def test_a_key_is_never_overwritten(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("precious")
    done = run("key", "--private-key", tmp_path / "private", "--public-key", tmp_path / "public")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "never overwritten" in done.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {there: "precious"}
