"""What the hostile tests share: how much is tried, and a server over the trivial model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from effort import EXAMPLES, KILLS, LONG, SEED  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "hostile",
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True, scope="session")
def _profile() -> Iterator[None]:
    settings.load_profile("hostile")
    yield
    settings.load_profile("roadworthy")


def pytest_report_header() -> str:
    """Says what a failure can be drawn again with."""
    return f"hostile: HOSTILE_SEED={SEED} HOSTILE_EXAMPLES={EXAMPLES} HOSTILE_KILLS={KILLS}"


@pytest.fixture(scope="session")
def callers() -> Iterator[Any]:
    """A warm process for each image, which runs stages as programs."""
    import stage_calls

    with stage_calls.callers() as found:
        yield found
