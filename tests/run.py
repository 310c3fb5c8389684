"""Runs pytest inside an image's environment: ``.venvs/<image>/bin/python tests/run.py [pytest's arguments]``.

The test tools lie in a folder of their own that is put *behind* the environment's packages. So the environment stays
what its lock file says, the image's own versions win, and the stages that a test starts as programs see none of it.
"""

import site
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    site.addsitedir(str(ROOT / ".venvs" / "testing"))
    sys.path.insert(0, str(ROOT))
    import pytest

    raise SystemExit(pytest.main(sys.argv[1:]))
