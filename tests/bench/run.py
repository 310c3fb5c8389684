"""Measures the server: beside LitServe and MLServer, with capture on and hanging, and under a real model.

``make bench``, or ``.venvs/torch/bin/python tests/bench/run.py [--rounds 5] [--seconds 4] [--only servers capture]``

The server has the first core, the load generator the second. What is compared runs in turn, round after round, and each
figure is the median of its rounds, so that whatever else the machine does falls on all alike. The processor time that a
server takes for one request stands beside its throughput: it hardly depends on what else the machine does. What capture
costs is measured within one server instead (``capture_cost.py``), and ``rounds`` and ``seconds`` say how long.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENVS = ROOT / ".venvs"
PYTHON = VENVS / "torch" / "bin" / "python"
SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = (1, 32)
TICK = os.sysconf("SC_CLK_TCK")
WARM_UP = 0.3  # seconds of each load that are not counted
KEYS = ("rate", "p50_ms", "p99_ms", "processor_us")

Seen = dict[tuple[str, int], list[dict[str, Any]]]
"""What each server did at each number of connections, round after round."""

sys.path.insert(0, str(HERE))


class Contender(NamedTuple):
    """One server: its command, and what it is asked."""

    name: str
    command: Sequence[str]
    port: int
    path: str
    body: Path
    content_type: str
    cores: str = SERVER_CORE


def processes(root: int) -> list[int]:
    """Returns a process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def processor_seconds(root: int) -> float:
    total = 0
    for pid in processes(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def asked(port: int, path: str, body: Path, content_type: str, connections: int, seconds: float) -> list[str]:
    """Returns the load generator's command."""
    return [
        *("taskset", "-c", LOAD_CORE, str(PYTHON), str(HERE / "load.py")),
        *("--port", str(port), "--path", path, "--body", str(body), "--content-type", content_type),
        *("--connections", str(connections), "--seconds", str(seconds), "--warm-up", str(WARM_UP)),
    ]


def load(*what: Any, **how: Any) -> dict[str, Any]:
    return json.loads(subprocess.run(asked(*what, **how), check=True, capture_output=True, text=True).stdout)


@contextmanager
def started(contender: Contender) -> Iterator[subprocess.Popen[bytes]]:
    """Yields the server's process once it answers."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            ["taskset", "-c", contender.cores, *contender.command],
            env=environment,
            cwd=HERE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end and server.poll() is None:
                try:
                    probe = load(*contender[2:6], connections=1, seconds=0.1)
                except subprocess.CalledProcessError:
                    probe = {}
                if probe.get("requests") and not probe["not_200"]:
                    break
                time.sleep(0.2)
            else:
                log.seek(0)
                raise SystemExit(f"{contender.name}: expected answers, found {log.read()[-800:].decode()!r}")
            yield server
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                pass
            finally:
                # Workers that outlive their server would take the core from whoever is measured next.
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def measure(contender: Contender, seconds: float) -> Iterator[dict[str, Any]]:
    """Yields what one run of a server did at each number of connections."""
    with started(contender) as server:
        for connections in CONNECTIONS:
            load(*contender[2:6], connections=connections, seconds=0.5)
            before = processor_seconds(server.pid)
            found = load(*contender[2:6], connections=connections, seconds=seconds)
            spent = processor_seconds(server.pid) - before
            # The generator's warm-up is in the processor time, and not in the count.
            answered = found["requests"] * (seconds + WARM_UP) / seconds
            yield {**found, "processor_us": spent / max(answered, 1) * 1e6}


def compare(contenders: Sequence[Contender], rounds: int, seconds: float) -> dict[str, dict[str, dict[str, float]]]:
    """Returns ``{name: {connections: {rate, p50_ms, p99_ms, processor_us}}}``, medians over the rounds."""
    seen: Seen = {}
    for number in range(rounds):
        for contender in contenders:
            for found in measure(contender, seconds):
                _note(seen, number, contender.name, found)
    return _medians(seen)


def _note(seen: Seen, number: int, name: str, found: dict[str, Any]) -> None:
    connections = found["connections"]
    seen.setdefault((name, connections), []).append(found)
    print(
        f"  round {number + 1}: {name:24} {connections:3} connections "
        f"{found['rate']:8.0f}/s  p99 {found['p99_ms']:7.1f} ms  {found['processor_us']:6.0f} µs",
        file=sys.stderr,
        flush=True,
    )


def _medians(seen: Seen) -> dict[str, dict[str, dict[str, float]]]:
    medians: dict[str, dict[str, dict[str, float]]] = {}
    for (name, connections), found in seen.items():
        if any(entry["not_200"] or entry["lost"] for entry in found):
            print(f"{name}: not all requests were answered with 200", file=sys.stderr)
        middle = {key: statistics.median(entry[key] for entry in found) for key in KEYS}
        medians.setdefault(name, {})[str(connections)] = middle
    return medians


def ours(name: str, port: int, folder: Path, *arguments: str, environment: Sequence[str] = ()) -> Contender:
    command = ["env", *environment, str(PYTHON), str(HERE / "ours.py"), "--port", str(port), *arguments]
    return Contender(name, command, port, "/invocations", folder / "picture.jpg", "image/jpeg")


def servers(folder: Path) -> list[Contender]:
    """Returns ours, LitServe and MLServer (with and without adaptive batching), all over the trivial model."""
    for name in ("litserve", "mlserver"):
        target = VENVS / f"bench-{name}"
        subprocess.run(
            ["python3.11", str(ROOT / "images" / "environment.py"), f"bench-{name}", str(target)], check=True, cwd=ROOT
        )
    text = base64.b64encode((folder / "picture.jpg").read_bytes()).decode()
    lit, ml = folder / "litserve.json", folder / "mlserver.json"
    lit.write_text(json.dumps({"image": text}))
    tensor = {"name": "image", "shape": [1, 1], "datatype": "BYTES", "parameters": {"content_type": "base64"}}
    ml.write_text(json.dumps({"inputs": [{**tensor, "data": [text]}]}))
    python = {name: str(VENVS / f"bench-{name}" / "bin" / "python") for name in ("litserve", "mlserver")}
    infer = ("/v2/models/trivial/infer", ml, "application/json")
    ml_command = [python["mlserver"], str(HERE / "mlserver_server.py")]
    lit_command = [python["litserve"], str(HERE / "litserve_server.py"), "9310"]
    return [
        ours("ours", 9301, folder),
        Contender("LitServe", lit_command, 9310, "/predict", lit, "application/json"),
        Contender("MLServer", [*ml_command, "9320"], 9320, *infer),
        Contender("MLServer, batching", [*ml_command, "9330", "batch"], 9330, *infer),
    ]


def table(title: str, found: dict[str, dict[str, dict[str, float]]]) -> None:
    print(f"\n{title}\n{'':26}" + "".join(f"{f'{c} connections':>44}" for c in CONNECTIONS))
    for name, by in found.items():
        cells = (by[str(c)] for c in CONNECTIONS)
        print(
            f"{name:26}"
            + "".join(f"{m['rate']:10.0f}/s p99 {m['p99_ms']:7.1f} ms {m['processor_us']:7.0f} µs  " for m in cells)
        )


def part_servers(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    found = compare(servers(folder), rounds, seconds)
    table("servers, one core each, 3 kB JPEG, the same trivial model", found)
    mine = found["ours"]
    lit = found["LitServe"]
    ratios = {}
    for key, better in (("rate", max), ("p99_ms", min), ("processor_us", min)):
        for c in mine:
            ml = better(found[name][c][key] for name in found if name.startswith("MLServer"))
            for name, other in (("LitServe", lit[c][key]), ("MLServer's better", ml)):
                ratios[f"{key} of ours / {name}, {c} connections"] = round(mine[c][key] / other, 3)
    return {"medians": found, "ratios": ratios}


def part_capture(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    import capture_cost

    def both_cores(*what: Any, **how: Any) -> Contender:
        # The writer is a process of its own, that goes where there is room.
        return ours(*what, **how)._replace(cores=f"{SERVER_CORE},{LOAD_CORE}")

    return capture_cost.run(folder, 2 * rounds * seconds, CONNECTIONS, ours=both_cores, started=started, asked=asked)


def part_model(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    import under_load

    found = under_load.run(folder, rounds, seconds, measure_load=load, started=started, contender=Contender)
    print(f"\nResNet18, 128 px, one core: {json.dumps(found)}")
    return found


PARTS: dict[str, Callable[[Path, int, float], dict[str, Any]]] = {
    "servers": part_servers,
    "capture": part_capture,
    "model": part_model,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-server.json")
    args = parser.parse_args()
    import trivial_model

    results = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "picture.jpg").write_bytes(trivial_model.picture())
        for part in args.only:
            results[part] = PARTS[part](folder, args.rounds, args.seconds)
    for part, result in results.items():
        for ratio, value in result.get("ratios", {}).items():
            print(f"{part}: {ratio}: {value}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {args.output}")


if __name__ == "__main__":
    main()
