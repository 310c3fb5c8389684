"""One step: its folder, its placeholders, its attempts, its outputs."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.errors import InputError, PipelineError, RoadworthyError, StepFailedError
from pipelines.targets import ir, store
from pipelines.targets.local import outputs, placeholders, plan, records
from pipelines.targets.local.artifacts import Artifact, digest_of
from pipelines.targets.local.backends import Backend, Invocation
from pipelines.targets.local.cache import Cache, Outputs, key_of
from pipelines.targets.local.placeholders import Values
from pipelines.targets.local.processes import TIMED_OUT, Limits, Stop
from pipelines.targets.local.records import Observer, Record
from pipelines.targets.local.scheduler import Outcome, Scope


@dataclass
class Setting:
    """What all steps of a run share.

    ``folder`` is the run's; without a ``cache`` every step runs; ``workers`` steps run at a time; ``dry`` starts none.
    """

    pipeline: ir.Pipeline
    folder: Path
    started: float
    backend: Backend
    cache: Cache | None
    observer: Observer
    stop: Stop
    workers: int
    dry: bool = False
    records: dict[str, Record] = field(default_factory=dict)


class LocalSteps:
    """Runs the steps of one run.

    Args:
        setting: What they share.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.labels = plan.Labels(setting.pipeline)
        self._slots = threading.Semaphore(setting.workers)
        self._lock = threading.Lock()

    def placeholders(self, path: tuple[str, ...]) -> Mapping[str, str]:
        """Returns what the run's placeholders stand for at a place (see the package's docstring)."""
        folder = self.setting.folder
        created = datetime.fromtimestamp(self.setting.started, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {
            "pipeline_root": str(folder),
            "pipeline_job_name": folder.name,
            "pipeline_job_resource_name": folder.name,
            "pipeline_job_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, folder.as_uri())),
            "pipeline_job_create_time_utc": created,
            "pipeline_job_schedule_time_utc": created,
            "pipeline_task_name": next((name for name in reversed(path) if not name.isdigit()), ""),
            "pipeline_task_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, (folder / self.labels(path)).as_uri())),
        }

    def note(self, task: ir.Task, path: tuple[str, ...], state: str, error: str = "") -> None:
        """Takes down that the steps of a task, or of the group it is, end without having run."""
        component = self.setting.pipeline.components[task.component]
        inner = list(plan.steps(self.setting.pipeline, component, path))
        labels = [self.labels(step.path) for step in inner] or [self.labels(path)]
        for label in labels:
            self._change(self._record(label), state=state, error=error)

    def run(self, task: ir.Task, component: ir.Component, scope: Scope) -> Outcome:
        """Runs a container or hands on an import."""
        record = self._record(self.labels(scope.path))
        try:
            if isinstance(component.body, ir.Importer):
                given = self._imported(component.body, component, scope)
                self._change(record, state=records.SUCCEEDED, outputs=given)
            elif isinstance(component.body, ir.Container):
                record.image = self._values(component, scope, record.label).fill(component.body.image)
                self._container(record, task, component, component.body, scope)
        except (RoadworthyError, OSError) as error:
            self._change(record, state=records.FAILED, error=f"step '{record.label}': {error}")
        return Outcome(record.state, record.outputs.parameters, record.outputs.artifacts, record.error)

    def _container(
        self, record: Record, task: ir.Task, component: ir.Component, container: ir.Container, scope: Scope
    ) -> None:
        values = self._values(component, scope, record.label)
        out = self._folder(record.label) / "out"
        command = values.command((*container.command, *container.args))
        key = self._key(component, container, values, record.image, command) if task.cacheable else ""
        kept = self._kept(key, out)
        if kept or self.setting.dry:
            self._change(record, state=records.SUCCEEDED if kept else records.PLANNED, cached=bool(kept))
            record.outputs = kept or Outputs()
            return
        env = {**_secrets(container), **{name: values.fill(value) for name, value in container.env.items()}}
        outside = [Path(one.path) for many in values.artifacts.values() for one in many]
        invocation = Invocation(
            image=record.image,
            command=command,
            env=env,
            folder=self._folder(record.label),
            run_folder=self.setting.folder,
            label=record.label,
            inputs=[path for path in outside if not path.is_relative_to(self.setting.folder) and path.exists()],
        )
        self._attempts(
            record,
            task.retry,
            invocation,
            component,
            values,
            Limits(self.setting.stop, container.timeout, scope.exiting),
        )
        if record.state == records.SUCCEEDED and key and self.setting.cache:
            self.setting.cache.store(key, out, record.outputs)

    def _attempts(
        self,
        record: Record,
        retry: ir.Retry,
        invocation: Invocation,
        component: ir.Component,
        values: Values,
        limits: Limits,
    ) -> None:
        wait = retry.wait
        for attempt in range(1, retry.times + 2):
            if attempt > 1 and self.setting.stop.requested.wait(min(wait, retry.most)):
                break
            wait *= retry.factor if attempt > 1 else 1
            with self._slots:
                if limits.stop.due(limits.exiting):
                    self._change(record, state=records.CANCELLED)
                    return
                record.started = record.started or time.time()
                self._change(record, state=records.RUNNING, attempts=attempt, log=invocation.log, error="")
                begun = time.monotonic()
                state, error = self._attempt(record, invocation, component, values, limits)
                took = record.seconds + time.monotonic() - begun
                self._change(record, state=state, error=error, seconds=took)
            if state != records.FAILED:
                return

    def _attempt(
        self, record: Record, invocation: Invocation, component: ir.Component, values: Values, limits: Limits
    ) -> tuple[str, str]:
        """Returns the state and the error of one attempt."""
        out = invocation.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        if record.attempts > 1:
            with invocation.log.open("a", encoding="utf-8") as log:
                log.write(f"--- attempt {record.attempts}\n")
        try:
            ended = self.setting.backend.run(invocation, limits)
            if ended.stopped == "stop":
                return records.CANCELLED, ""
            if ended.stopped == "time":
                raise StepFailedError(f"ran longer than {limits.timeout:g} s (exit status {TIMED_OUT})")
            if ended.status:
                raise StepFailedError(f"ended with exit status {ended.status}")
            record.outputs = outputs.collect(component, values)
        except (RoadworthyError, OSError) as error:
            return records.FAILED, f"step '{record.label}': {error}"
        return records.SUCCEEDED, ""

    def _values(self, component: ir.Component, scope: Scope, label: str) -> Values:
        out = self._folder(label) / "out"
        handed = {name: many if isinstance(many, list) else [many] for name, many in scope.artifacts.items()}
        return Values(
            parameters=scope.parameters,
            artifacts=handed,
            outputs={
                name: Artifact(name, kind.schema, str(out / name)) for name, kind in component.outputs.artifacts.items()
            },
            results={name: str(out / name) for name in component.outputs.parameters},
            output_file=str(out / "executor_output.json"),
            run=self.placeholders(scope.path),
        )

    def _key(
        self, component: ir.Component, container: ir.Container, values: Values, image: str, command: list[str]
    ) -> str:
        """Everything that decides what the step gives; where its outputs lie does not, so commands count unfilled."""
        texts = (*container.command, *container.args, *container.env.values())
        return key_of(
            {
                "image": image,
                "identity": self.setting.backend.identity(image, command),
                "command": [*container.command, *container.args],
                "env": dict(container.env),
                "signed by": store.signer(container.command),
                "parameters": dict(values.parameters),
                "artifacts": {name: [one.digest for one in many] for name, many in values.artifacts.items()},
                "metadata": {
                    name: [dict(one.metadata) for one in many]
                    for name, many in values.artifacts.items()
                    if any(f"['{name}'].metadata" in text for text in texts)
                },
                "run": {name: values.run[name] for name in placeholders.used(texts)},
                "outputs": [sorted(component.outputs.parameters), sorted(component.outputs.artifacts)],
            }
        )

    def _kept(self, key: str, out: Path) -> Outputs | None:
        if not key or not self.setting.cache:
            return None
        if self.setting.dry:
            return self.setting.cache.peek(key)
        kept = self.setting.cache.restore(key, out)
        if kept:
            (out.parent / "log.txt").write_text(f"not run: its outputs were kept from an earlier run ({key})\n")
        return kept

    def _imported(self, importer: ir.Importer, component: ir.Component, scope: Scope) -> Outputs:
        values = Values(parameters=scope.parameters, run=self.placeholders(scope.path))
        source = importer.uri
        uri = scope.parameters.get(source.name) if isinstance(source, ir.FromInput) else getattr(source, "value", None)
        if not isinstance(uri, str):
            raise InputError(f"expected the URI of an artifact, found {uri!r}")
        name = next(iter(component.outputs.artifacts), "artifact")
        artifact = Artifact(name, importer.schema, values.fill(uri), values.fill_all(dict(importer.metadata)))
        local = "://" not in artifact.path
        if local and not Path(artifact.path).exists():
            raise InputError(f"expected a file or folder to import, found nothing at {uri!r}")
        # What lies in a bucket is known by its address only.
        digest = digest_of(Path(artifact.path)) if local else f"uri:{artifact.uri}"
        return Outputs({}, {name: Artifact(name, artifact.schema, artifact.uri, artifact.metadata, digest)})

    def _folder(self, label: str) -> Path:
        return self.setting.folder / label

    def _record(self, label: str) -> Record:
        with self._lock:
            return self.setting.records.setdefault(label, Record(label))

    def _change(self, record: Record, **changes: Any) -> None:
        with self._lock:
            for name, value in changes.items():
                setattr(record, name, value)
            self.setting.observer.changed(record)


def _secrets(container: ir.Container) -> dict[str, str]:
    """The environment variables that a cluster would take from Secrets, out of the caller's environment."""
    missing = [name for name, optional in container.secrets.items() if not optional and name not in os.environ]
    if missing:
        raise PipelineError(
            f"expected the environment variables {', '.join(missing)} (Secrets on a cluster), found none"
        )
    return {name: os.environ[name] for name in container.secrets if name in os.environ}
