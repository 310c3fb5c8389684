"""Training as a function of its seed. A file of its own: it takes as long as all other tests of the training."""

from __future__ import annotations

from pathlib import Path

import pytest
from detector_program import run


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_and_another_seed_others(shapes: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        assert run(shapes, tmp_path / name, f"--seed={seed}", "--epochs=2").returncode == 0
    one, again, other = (tmp_path / name / "model" for name in ("one", "again", "other"))
    for name in ("model-symbol.json", "model-0000.params", "model.json"):
        assert (one / name).read_bytes() == (again / name).read_bytes()
    assert (one / "model-0000.params").read_bytes() != (other / "model-0000.params").read_bytes()
