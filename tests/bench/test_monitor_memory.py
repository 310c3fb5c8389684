"""The monitor's peak memory over ten million records; ``RECORDS=…`` for another number. Wants 8 GB of disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.monitor import many_records

RECORDS = int(os.environ.get("RECORDS", "10000000"))
LIMIT = 500.0  # MB


@pytest.mark.bench
@pytest.mark.timeout(7200)
def test_ten_million_records_fit_into_half_a_gigabyte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = many_records.write(tmp_path / "place", RECORDS, stop_share=0.805)
    for path, found in zip(
        ("baseline", "check"), many_records.baseline_and_check(tmp_path, tmp_path / "place"), strict=True
    ):
        with capsys.disabled():
            rate = RECORDS / found.seconds
            print(
                f"\n{path}: {RECORDS:,} records, {found.megabytes:.0f} MB at most, {found.seconds:.0f} s, {rate:,.0f}/s"
            )
        assert found.megabytes < LIMIT
    verdicts = json.loads((tmp_path / "check" / "results" / "verdicts.json").read_text())
    assert (verdicts["counts"]["records"], verdicts["violated"]) == (RECORDS, True)
    with capsys.disabled():
        print(f"written in {seconds:.0f} s")
