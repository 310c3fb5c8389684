from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.storage.s3_server import serving


@pytest.fixture(scope="session")
def s3_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture
def bucket(s3_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own on a real S3 server, and the environment to reach it."""
    for name, value in s3_settings.items():
        monkeypatch.setenv(name, value)
    return f"s3://signs/{uuid.uuid4().hex}"
