"""Coverage-guided fuzzing of one decoder with atheris (libFuzzer); a crash is kept in ``corpus/<decoder>/``.

``.venvs/torch/bin/python tests/hostile/fuzz.py open_inference -runs=1000000 -seed=1``; without a decoder's name it says
which there are. Whatever follows the name is libFuzzer's. Bounds that a case must keep: 5 seconds, 1 GB.
"""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "--inside"
BOUNDS = ("-timeout=5", "-rss_limit_mb=1024", "-max_len=65536")


def main(argv: list[str]) -> int:
    """Fuzzes until the runs that were asked for are over; returns libFuzzer's exit status."""
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    import decoders

    if not argv or argv[0] not in decoders.DECODERS:
        print(f"expected a decoder among {', '.join(decoders.DECODERS)}, found {argv[:1]}", file=sys.stderr)
        return 2
    name, *options = argv
    with tempfile.TemporaryDirectory() as folder:
        examples, found = Path(folder, "examples"), Path(folder, "found")
        examples.mkdir()
        found.mkdir()
        for number, data in enumerate(decoders.DECODERS[name].examples):
            (examples / str(number)).write_bytes(data)
        # In a process of its own: libFuzzer ends the one that it is in.
        given = [*BOUNDS, f"-artifact_prefix={found}/", *options, str(examples)]
        status = subprocess.run([sys.executable, __file__, INSIDE, name, *given], check=False).returncode
        for path in found.iterdir():
            (decoders.CORPUS / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, decoders.CORPUS / name / path.name)
    return status


def inside(name: str, options: list[str]) -> None:
    """Runs libFuzzer; never returns."""
    site.addsitedir(str(ROOT / ".venvs/hostile/lib/python3.11/site-packages"))
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    import atheris

    with atheris.instrument_imports(include=["components"]):
        import decoders
    atheris.Setup([sys.argv[0], *options], lambda data: decoders.tried(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [INSIDE]:
        inside(sys.argv[2], sys.argv[3:])
    sys.exit(main(sys.argv[1:]))
