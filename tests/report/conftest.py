from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from detection_artifacts import Detection
import devtools
from devtools import Browser
from report_artifacts import Run, make_run
from story_artifacts import Story, make_story


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def story(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return make_story(tmp_path_factory.mktemp("story"), run)


@pytest.fixture(scope="session")
def detection(tmp_path_factory: pytest.TempPathFactory) -> Detection:
    # Here, since the environments without clarify's packages run a part of these tests too.
    from detection_artifacts import make_detection

    return make_detection(tmp_path_factory.mktemp("detection"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = devtools.program()
    assert program
    with devtools.browser(program, tmp_path_factory.mktemp("profile")) as found:
        yield found
