"""Captured records as files, and the stages as programs, for the monitor's tests."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from components.capture.record import Exchange, encode, file_name, folder

ROOT = Path(__file__).resolve().parents[2]
NOON = 1_644_840_000.0  # 2022-02-14T12:00:00Z
HOUR = ("2022-02-14T12:00:00Z", "2022-02-14T13:00:00Z")
SEED_COUNTS = {
    **{9: 2, 19: 2, 25: 1, 14: 322, 13: 5, 5: 1, 8: 10, 18: 1},
    **{31: 4, 26: 8, 33: 4, 36: 4, 29: 20, 12: 8, 22: 4, 6: 4},
}


def put(root: Path, lines: Iterable[bytes], name: str = "a", seconds: float = NOON) -> Path:
    """Writes a record file into the hour folder of a time."""
    path = root / folder("signs", "AllTraffic", seconds) / file_name(seconds, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    return path


def line(event_id: str, response: bytes | None, request: bytes | None = b"", **more: Any) -> bytes:
    seconds = more.pop("seconds", NOON + len(event_id) % 600)
    request_type = more.pop("request_type", "image/png")
    response_type = more.pop("response_type", "application/json")
    return encode(Exchange(event_id, seconds, request, request_type, response, response_type, **more))


def answer(class_id: int, score: float = 0.9, others: Sequence[tuple[int, float]] = ()) -> bytes:
    """An answer in the server's own form; the others follow in the ranking."""
    rest = others or [((class_id + i) % 43, (1 - score) / 2**i) for i in range(1, 5)]
    top = [{"class": c, "label": f"Sign {c}", "score": s} for c, s in [(class_id, score), *rest]]
    return json.dumps({"predictions": [{**top[0], "top": top}]}).encode()


def png(seed: int, side: int = 24, brightness: float = 0.5) -> bytes:
    random = np.random.default_rng(seed)
    level = np.clip(random.normal(brightness, 0.08), 0.05, 0.95)
    pixels = np.clip(random.normal(255 * level, 30, (side, side, 3)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def traffic(
    seed: int, count: int, classes: Callable[[np.random.Generator], int] | None = None, **image: Any
) -> list[bytes]:
    """Records as the demo's: 43 classes about evenly, sure answers with a few unsure ones, small images."""
    random = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        class_id = classes(random) if classes else int(random.integers(43))
        score = float(1 - random.beta(0.6, 12))
        body = png(seed * 100_000 + number, **image)
        lines.append(line(f"{seed}-{number}", answer(class_id, score), body, inference_id=f"images/{number}.png"))
    return lines


def stage(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "components.monitor", name, *map(str, arguments)]
    given = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False, env=given)


def make_baseline(root: Path, place: Path, *arguments: object) -> Path:
    done = stage(
        *("baseline", "--place", place, "--baseline", root / "baseline", "--metrics", root / "b.json"), *arguments
    )
    assert done.returncode == 0, done.stderr
    return root / "baseline"


def check(root: Path, place: Path, baseline: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    outputs = {name: root / name for name in ("results", "metrics", "report", "violated", "message")}
    flags = [word for name, path in outputs.items() for word in (f"--{name}", path)]
    return stage("check", "--place", place, "--baseline", baseline, *flags, *arguments)


def verdicts(root: Path) -> dict[str, Any]:
    return {rule["rule"]: rule for rule in json.loads((root / "results" / "verdicts.json").read_text())["rules"]}
