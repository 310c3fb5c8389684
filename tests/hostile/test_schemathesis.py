"""Requests that schemathesis makes out of the server's own description, at a real server, and its verdict.

Many of them are wrong by one thing that the description rules out. Its checks: no failure; no status, type, header or
body that is not described; what fits gets 200, what does not is refused; other methods get 405 and ``Allow``. It is a
program in an environment of its own, ``.venvs/hostile``. ``make test`` asks a detector, which is there at once; ``make
hostile`` a classifier too. ``tests/serve/test_openapi.py`` holds an answer of each kind against the same document.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from effort import EXAMPLES, LONG, SEED
from PIL import Image
from serving import Running, serving

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = ROOT / ".venvs" / "hostile" / "bin" / "schemathesis"
SHARE = 5
"""One in so many of the examples of other properties: of each operation here, some 20 ms each."""

pytestmark = pytest.mark.skipif(not LONG and not PROGRAM.exists(), reason="expected `make environments` to install it")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, size in enumerate([(1, 1), (5, 8), (32, 32), (70, 3)]):
        picture = Image.new("RGB", size, (60 * number + 3, 40, 90))
        for kind in ("png", "jpeg", "ppm"):
            picture.save(folder / f"{number}.{kind}")
    Image.new("L", (9, 9), 77).save(folder / "grey.png")
    Image.new("RGBA", (9, 9), (1, 2, 3, 4)).save(folder / "alpha.png")
    return folder


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet18 that has learnt nothing, as an archive."""
    import torch
    from safetensors.torch import save
    from torchvision.models import resnet18

    from components.images import Preprocessing
    from components.package.archive import pack
    from components.package.description import ModelDescription

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(5)
    (folder / "model.safetensors").write_bytes(save(resnet18(num_classes=7).state_dict()))
    described: dict[str, Any] = {"architecture": "resnet18", "weights": "model.safetensors", "versions": {"torch": "2"}}
    described |= {"name": "trivial", "task": "classification", "framework": "torch", "labels": tuple("abcdefg")}
    described |= {"data": {"name": "none", "digest": "sha256:" + "0" * 64}}
    ModelDescription(**described, preprocessing=Preprocessing(32, 32)).write(folder)
    pack(folder, folder.parent / "model.tar.gz")
    return folder.parent / "model.tar.gz"


@pytest.fixture(params=[pytest.param("a classifier", marks=pytest.mark.slow), "a detector"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    if request.param == "a detector":
        with serving(tmp_path, "--detector") as found:
            yield found
    else:
        model = str(request.getfixturevalue("packaged"))
        with serving(tmp_path, program=("-m", "components.serve", "run", "--model", model)) as found:
            yield found


def test_every_answer_to_what_is_drawn_from_the_description_is_one_that_it_promises(
    server: Running, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = max(30, EXAMPLES // SHARE)
    told = tmp_path / "tally.json"
    found = subprocess.run(
        [
            *(str(PROGRAM), "--config-file", str(HERE / "schemathesis.toml"), "run", server.url + "/openapi.json"),
            *("--phases", "examples,coverage,fuzzing", "--checks", "all", "--continue-on-failure", "--no-color"),
            *("--seed", str(SEED), "--max-examples", str(examples)),
        ],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"),
            "HOSTILE_PICTURES": str(pictures),
            "HOSTILE_TALLY": str(told),
        },
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=3000 if LONG else 240,
    )
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr[-2000:]
    tally = Counter({tuple(name.split("|")): count for name, count in json.loads(told.read_text()).items()})
    with capsys.disabled():
        print(f"\n{summary(tally)}")
    judge(tally)
    assert server.post((pictures / "2.png").read_bytes(), "image/png").status == 200
    assert "Traceback" not in server.log.read_text()
    assert server.count("queue_images") == server.count("queue_bytes") == 0


def judge(tally: Counter[Any]) -> None:
    """Holds what was asked against what it would be worth: all types were answered, and all refusals met."""
    fitting = Counter({about: count for about, count in tally.items() if about[1] == "positive"})
    bodies = {(label.split("/")[-1], kind) for (_, _, label, kind, _) in fitting}
    types = {"image/jpeg", "image/png", "application/x-image", "application/x-npy", "application/json"}
    assert bodies >= {("invocations", kind) for kind in types}
    assert bodies >= {("infer", "application/json"), ("infer", "application/octet-stream")}
    assert {status for (*_, status) in fitting} == {"200"}
    assert {status for (*_, status) in tally} >= {"200", "400", "404", "405", "406", "413", "415"}


def summary(tally: Counter[Any]) -> str:
    """Says how many requests there were, and what became of those with a body, by their status."""
    posts: dict[str, Counter[str]] = {"positive": Counter(), "negative": Counter()}
    for (_, mode, label, _, status), count in tally.items():
        if label.startswith("POST"):
            posts[mode][status] += count
    fits, wrong = posts.values()
    return f"schemathesis: {tally.total()} requests; with a body that fits: {dict(fits)}; with another: {dict(wrong)}"
