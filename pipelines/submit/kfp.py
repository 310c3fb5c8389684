"""Kubeflow Pipelines through its REST API: uploads a version once, runs it, looks at the run.

Host, namespace and credentials are those of ``kfp.Client``: arguments first, then its environment variables
(``KF_PIPELINES_ENDPOINT``, ``KF_PIPELINES_SA_TOKEN_PATH``, …). A version is called by the digest of what is uploaded
(``targets.kfp_native.version``), so that the same pipeline is uploaded once, whoever sends it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import PipelineError
from pipelines.submit import kfp_api, reasons
from pipelines.submit.runs import Snapshot, Step
from pipelines.targets import kfp, kfp_native
from pipelines.targets.local import records

_STATES = {
    "PENDING": records.PENDING,
    "PAUSED": records.PENDING,
    "RUNNING": records.RUNNING,
    "CANCELING": records.RUNNING,
    "SUCCEEDED": records.SUCCEEDED,
    "SKIPPED": records.SKIPPED,
    "FAILED": records.FAILED,
    "CANCELED": records.CANCELLED,
}


@dataclass(frozen=True)
class Uploaded:
    """A version that KFP has: its ids, and whether it had it before."""

    pipeline: str
    version: str
    before: bool


def connect(host: str = "", namespace: str = "", token_file: Path | None = None, ca_file: Path | None = None) -> Any:
    """Returns a ``kfp.Client``.

    Args:
        host: Address of KFP's API; empty: as kfp finds it.
        namespace: Of the user, where KFP has several; empty: none.
        token_file: Holds a bearer token and may change while the client lives.
        ca_file: Certificates that the server's is signed by.

    Raises:
        PipelineError: kfp is not installed, no server is named, or it does not answer.
    """
    try:
        import kfp as sdk
        from kfp.client import ServiceAccountTokenVolumeCredentials
    except ImportError:
        raise PipelineError("expected the KFP SDK, found none: pip install 'roadworthy[pipelines]'") from None
    host = host or os.environ.get("KF_PIPELINES_ENDPOINT", "")
    kfp_api.reachable(host)
    token = token_file or os.environ.get("KF_PIPELINES_SA_TOKEN_PATH")
    given: dict[str, Any] = {"namespace": namespace} if namespace else {}
    if token:
        if not Path(token).is_file():
            raise PipelineError(f"expected a token in the file {token}, found no file")
        given["credentials"] = ServiceAccountTokenVolumeCredentials(str(token))
    with _quiet(), kfp_api.asking("answer", host):
        return sdk.Client(host=host or None, ssl_ca_cert=str(ca_file) if ca_file else None, **given)


def upload(client: Any, content: kfp.Documents, namespace: str = "") -> Uploaded:
    """Uploads a compiled pipeline unless KFP has this very version.

    Raises:
        PipelineError: KFP refuses.
    """
    name, version = content[0]["pipelineInfo"]["name"], kfp_native.version(content)
    described = content[0]["pipelineInfo"].get("description", "")
    with _quiet(), kfp_api.asking(f"list the pipelines called {name}", namespace):
        listed = client.list_pipelines(filter=_named(name), namespace=namespace or None, page_size=2)
    pipelines = listed.pipelines or []
    if pipelines:
        pipeline = pipelines[0].pipeline_id
    else:
        import kfp_server_api as api

        body = api.V2beta1Pipeline(
            name=name, display_name=name, description=described or None, namespace=namespace or None
        )
        # Not upload_pipeline: it would call its first version as the pipeline, and that one would be there twice.
        with _quiet(), kfp_api.asking(f"create the pipeline {name}", namespace):
            pipeline = client.pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id
    with _quiet(), kfp_api.asking(f"list the versions of {name}", namespace):
        known = client.list_pipeline_versions(pipeline_id=pipeline, filter=_named(version), page_size=2)
    for one in known.pipeline_versions or []:
        return Uploaded(pipeline, one.pipeline_version_id, True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(kfp.text(content), encoding="utf-8")
        with _quiet(), kfp_api.asking(f"take the version {version}", namespace):
            made = client.upload_pipeline_version(
                str(path), version, pipeline_id=pipeline, description=described or None
            )
    return Uploaded(pipeline, made.pipeline_version_id, False)


def start(
    client: Any, uploaded: Uploaded, name: str, given: Mapping[str, Any], experiment: str, namespace: str, root: str
) -> KfpRun:
    """Creates a run of an uploaded version.

    Args:
        client: Of ``connect``.
        uploaded: What to run.
        name: The run's, as the UI shows it.
        given: Its parameters, checked and complete.
        experiment: The one it is filed under; made where there is none.
        namespace: As for ``connect``.
        root: Where it keeps its artifacts; empty: KFP's default.
    """
    with _quiet(), kfp_api.asking(f"file a run under the experiment {experiment}", namespace):
        filed = client.create_experiment(experiment, namespace=namespace or None)
    with _quiet(), kfp_api.asking(f"run {name}", namespace):
        run = client.run_pipeline(
            experiment_id=filed.experiment_id,
            job_name=name,
            params=dict(given),
            pipeline_id=uploaded.pipeline,
            version_id=uploaded.version,
            pipeline_root=root or None,
        )
    return KfpRun(client, run.run_id, namespace)


class KfpRun:
    """A run of KFP's.

    Args:
        client: Of ``connect``.
        run: Its id.
        namespace: The user's, if there are several.
    """

    def __init__(self, client: Any, run: str, namespace: str = "") -> None:
        self._client, self._run, self._namespace = client, run, namespace
        self._pods: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The run's id, which KFP asks for."""
        return self._run

    def look(self) -> Snapshot:
        """Returns how it stands; see ``runs.Run``."""
        with _quiet(), kfp_api.asking(f"show the run {self._run}", self._namespace):
            run = self._client.get_run(self._run)
        details = (run.run_details.task_details if run.run_details else None) or []
        self._pods = {task.task_id: task.pod_name for task in details if task.pod_name}
        said = run.error.message if run.error and run.error.message else ""
        return Snapshot(_STATES.get(run.state or "", ""), tuple(_steps(details)), said)

    def why(self, step: Step) -> str:
        """Returns what was expected of the step or the cluster."""
        return reasons.explained(step.said, reasons.Asked())

    def tail(self, step: Step) -> str:
        """Returns nothing: KFP's API has no logs; the UI and the pod have."""
        pod = self._pods.get(step.key, "")
        return f"its log: the UI, or kubectl logs {pod}" if pod else "its log: the UI"

    def close(self) -> None:
        """Does nothing: the SDK's connections end with it."""

    def onward(self) -> Sequence[str]:
        """Returns where the UI shows it, how to follow it again and how to stop it."""
        space = f" --namespace {self._namespace}" if self._namespace else ""
        return [
            f"  see it: {self.link()}",
            f"  follow it again: roadworthy follow {self._run} --to kfp{space}",
            f"  stop it: the UI's Terminate, or kfp.Client().terminate_run({self._run!r})",
        ]

    def link(self) -> str:
        """Returns the run's page of the UI."""
        return f"{self._client._get_url_prefix().rstrip('/')}/#/runs/details/{self._run}"


def _steps(details: Sequence[Any]) -> Iterator[Step]:
    parents = {child.pod_name or child.task_id: task for task in details for child in task.child_tasks or []}
    for task in details:
        label = task.display_name or task.task_id
        state = _STATES.get(task.state or "", records.PENDING)
        # KFP's own pods, which find a step's inputs and start it, are news only where they fail.
        if (label == "root" or label.endswith("-driver")) and state != records.FAILED:
            continue
        if label == "executor" and (above := parents.get(task.pod_name) or parents.get(task.task_id)):
            label = above.display_name
        yield Step(
            key=task.task_id,
            label=label,
            state=state,
            started=task.start_time.timestamp() if task.start_time else None,
            finished=task.end_time.timestamp() if task.end_time else None,
            said=task.error.message if task.error and task.error.message else "",
        )


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the SDK from printing links, which are said in our words, and from announcing its own future."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
