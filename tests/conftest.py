"""For all tests: a law is no measurement, so its examples have no deadline; and the longest files are begun first."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.longest import LONGEST

# The first example may import a library.
settings.register_profile("roadworthy", deadline=None)
settings.load_profile("roadworthy")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by file; within one nothing moves."""
    place = {Path(__file__).parent / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
