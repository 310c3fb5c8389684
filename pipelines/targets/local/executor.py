"""A whole run: its folder, its steps, its end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.whole import replacing
from pipelines.targets import ir
from pipelines.targets.local import backends, guard, pages, plan, processes, records
from pipelines.targets.local.cache import Cache, Outputs
from pipelines.targets.local.records import Observer, Record, Result
from pipelines.targets.local.scheduler import Scheduler
from pipelines.targets.local.steps import LocalSteps, Setting


@dataclass(frozen=True)
class Options:
    """How to run.

    Args:
        root: Where runs lie; the cache is ``<root>/.cache``.
        workers: Steps at a time.
        cache: Whether outputs of earlier runs may be used (they are kept in any case where the pipeline allows it).
        dry: Say what would run, and start nothing.
        key: What the run is known by afterwards (``earlier.key``); empty: by nothing.
    """

    root: Path = Path("runs")
    workers: int = os.cpu_count() or 1
    cache: bool = True
    dry: bool = False
    key: str = ""


def execute(
    pipeline: ir.Pipeline,
    parameters: Mapping[str, Any],
    backend: backends.Backend,
    observer: Observer,
    options: Options,
    stop: processes.Stop | None = None,
) -> Result:
    """Runs a pipeline to its end and writes ``summary.json`` into its folder.

    Args:
        pipeline: What to run.
        parameters: Checked and complete (``pipelines.parameters``).
        backend: Where its steps run.
        observer: Is told what happens.
        options: How to run.
        stop: Ends the run when it is requested.

    Raises:
        UnsupportedError: The pipeline holds something that cannot be run here; nothing was started.
        PipelineError: An image cannot be run here; nothing was started.
    """
    plan.check(pipeline)
    backend.check(pipeline.images())
    stop = stop or processes.Stop()
    started = time.time()
    root = options.root.resolve()
    folder = root / "dry-run" if options.dry else _new_folder(root, pipeline.name, started)
    cache = Cache(root / ".cache") if options.cache else None
    setting = Setting(pipeline, folder, started, backend, cache, observer, stop, max(1, options.workers), options.dry)
    steps = LocalSteps(setting)
    for step in plan.steps(pipeline):
        if "*" not in step.path:
            label = steps.labels(step.path)
            setting.records[label] = Record(label, step.image)
    observer.began(list(setting.records.values()), folder)
    with nullcontext() if options.dry else guard.guarded(folder, backend.name):
        try:
            outcome = Scheduler(pipeline, steps, stop).run(parameters)
        finally:
            backend.close()
            if stop.requested.is_set():
                processes.end_marked(backends.run_mark(folder))
    state = records.CANCELLED if stop.requested.is_set() else outcome.state
    result = Result(
        run=folder.name,
        pipeline=pipeline.name,
        folder=folder,
        parameters=parameters,
        state=state,
        started=started,
        finished=time.time(),
        records=list(setting.records.values()),
        key=options.key,
        outputs=Outputs(outcome.parameters, {n: a for n, a in outcome.artifacts.items() if not isinstance(a, list)}),
    )
    if not options.dry:
        _write_summary(result)
        pages.publish(result)
    observer.ended()
    return result


def _new_folder(root: Path, name: str, started: float) -> Path:
    """Makes the run's folder, ``<root>/<pipeline>-<UTC time>``, with a number behind it if that is taken."""
    root.mkdir(parents=True, exist_ok=True)
    base = f"{name}-{datetime.fromtimestamp(started, UTC):%Y%m%d-%H%M%S}"
    number = 1
    while True:
        folder = root / (base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def _write_summary(result: Result) -> None:
    content = {
        "run": result.run,
        "pipeline": result.pipeline,
        "state": result.state,
        "started": _time(result.started),
        "finished": _time(result.finished),
        "seconds": round(result.finished - result.started, 3),
        "folder": str(result.folder),
        "parameters": dict(result.parameters),
        "key": result.key or None,
        "outputs": _shown(result.outputs),
        "steps": [
            {
                "step": record.label,
                "state": record.state,
                "image": record.image,
                "started": _time(record.started) if record.started else None,
                "seconds": round(record.seconds, 3),
                "attempts": record.attempts,
                "cached": record.cached,
                "log": str(record.log or "") or None,
                "error": record.error or None,
                "outputs": _shown(record.outputs),
            }
            for record in result.records
        ],
    }
    with replacing(result.folder / records.SUMMARY) as path:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _shown(outputs: Outputs) -> dict[str, Any]:
    artifacts = {
        name: {
            "path": artifact.path,
            "type": artifact.schema.get("schemaTitle", ""),
            "digest": artifact.digest,
            "metadata": dict(artifact.metadata),
        }
        for name, artifact in outputs.artifacts.items()
    }
    return {"parameters": dict(outputs.parameters), "artifacts": artifacts}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
