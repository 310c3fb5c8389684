from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.storage import Place, place
from tests.storage.s3_server import serving


@pytest.fixture(scope="session")
def s3_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture
def bucket(s3_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own on the real server, and the environment to reach it."""
    for name, value in s3_settings.items():
        monkeypatch.setenv(name, value)
    return f"s3://signs/{uuid.uuid4().hex}"


@pytest.fixture(params=["file", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty folder of each kind of place."""
    if request.param == "s3":
        return place(request.getfixturevalue("bucket"))
    return place(tmp_path.as_uri()).child("folder")
