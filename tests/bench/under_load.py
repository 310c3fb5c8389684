"""ResNet18 behind the server at 32 connections, against the bare model in a loop with the same batch sizes.

Both on one core with one thread, in turn. The loop runs the batch sizes that the server was seen to form.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venvs" / "torch" / "bin" / "python"
PORT = 9351
SIDE = 128


def package(folder: Path) -> Path:
    """Packs a ResNet18 with random weights, 43 classes."""
    sys.path.insert(0, str(ROOT))
    import torch
    from safetensors.torch import save
    from torchvision.models import resnet18

    from components.images import Preprocessing
    from components.package.archive import pack
    from components.package.description import ModelDescription

    trained = folder / "trained"
    trained.mkdir()
    torch.manual_seed(1)
    (trained / "model.safetensors").write_bytes(save(resnet18(num_classes=43).state_dict()))
    ModelDescription(
        name="signs",
        task="classification",
        framework="torch",
        architecture="resnet18",
        weights="model.safetensors",
        labels=tuple(f"sign {number}" for number in range(43)),
        preprocessing=Preprocessing(SIDE, SIDE),
        versions={"torch": torch.__version__},
        data={"name": "none", "digest": "sha256:" + "0" * 64},
    ).write(trained)
    pack(trained, folder / "model.tar.gz")
    return folder / "model.tar.gz"


def loop(archive: str, size: int, seconds: float) -> None:
    """Prints the images a second of the bare model with batches of ``size``."""
    import time

    sys.path.insert(0, str(ROOT))
    import numpy as np

    from components.serve.loading import Settings, load

    model: Any = load(Path(archive), Settings(threads=1, device="cpu")).model
    batch = np.random.default_rng(1).integers(0, 256, (size, SIDE, SIDE, 3), np.uint8)
    model.predict(batch)
    images, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        model.predict(batch)
        images += size
    print(images / (time.perf_counter() - started))


def batches(port: int) -> tuple[float, float]:
    """Returns how many batches and images the server has run."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    count = re.search(r"^batch_images_count\S* (\S+)", page, re.M)
    total = re.search(r"^batch_images_sum\S* (\S+)", page, re.M)
    if count is None or total is None:
        raise SystemExit("expected batch_images in the metrics, found none")
    return float(count[1]), float(total[1])


def run(folder: Path, rounds: int, seconds: float, measure_load: Any, started: Any, contender: Any) -> dict[str, Any]:
    archive = package(folder)
    arguments = ["--model", str(archive), "--port", str(PORT), "--threads", "1", "--device", "cpu"]
    command = ["env", f"PYTHONPATH={ROOT}", str(PYTHON), "-m", "components.serve", "run", *arguments]
    server = contender("ours", command, PORT, "/invocations", folder / "picture.jpg", "image/jpeg")
    served, bare, sizes = [], [], []
    for _ in range(rounds):
        with started(server):
            measure_load(*server[2:6], connections=32, seconds=1.0)
            before = batches(PORT)
            found = measure_load(*server[2:6], connections=32, seconds=2 * seconds)
            after = batches(PORT)
        size = round((after[1] - before[1]) / (after[0] - before[0]))
        served.append(found["rate"])
        sizes.append(size)
        inner = ["taskset", "-c", "0", str(PYTHON), __file__, str(archive), str(size), str(2 * seconds)]
        bare.append(float(subprocess.run(inner, check=True, capture_output=True, text=True).stdout))
        print(f"  ResNet18: served {served[-1]:.1f}/s, bare {bare[-1]:.1f}/s, batches of {size}", file=sys.stderr)
    ratio = statistics.median(a / b for a, b in zip(served, bare, strict=True))
    return {
        "served": statistics.median(served),
        "bare": statistics.median(bare),
        "batch": statistics.median(sizes),
        "ratios": {"served / bare": round(ratio, 3)},
    }


if __name__ == "__main__":
    loop(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
