"""The errors of KFP's REST API as ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from components import foreign_json
from components.errors import PipelineError
from pipelines.submit.runs import UnreachableError

_WAIT = 5.0
_PASSING = (0, 408, 429, 500, 502, 503, 504)
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def reachable(host: str) -> None:
    """Asks for a server before kfp does, which would try for half a minute and say little.

    Args:
        host: Its address, as ``kfp.Client`` takes it; empty where kfp is to find it by the cluster.

    Raises:
        PipelineError: None is named, or the name is no address.
        UnreachableError: It does not answer.
    """
    if not host:
        config = os.environ.get("KUBECONFIG", "") or str(Path.home() / ".kube" / "config")
        if not _IN_CLUSTER.is_file() and not any(Path(one).is_file() for one in config.split(os.pathsep)):
            raise PipelineError(
                "expected the address of Kubeflow Pipelines (--host, KF_PIPELINES_ENDPOINT) or a cluster, found neither"
            )
        return
    parts = urlsplit(host if "://" in host else f"https://{host}")
    try:
        address = (parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443))
    except ValueError as error:
        raise PipelineError(f"expected the address of Kubeflow Pipelines, found {host!r}: {error}") from None
    try:
        socket.create_connection(address, timeout=_WAIT).close()
    except OSError as error:
        raise UnreachableError(f"expected Kubeflow Pipelines at {host} to answer, found: {error}") from None


@contextmanager
def asking(what: str, namespace: str) -> Iterator[None]:
    """Turns what goes wrong within into our errors.

    Args:
        what: In words, with a verb.
        namespace: Where; empty where KFP has only one.

    Raises:
        UnreachableError: Nobody answers.
        PipelineError: KFP refuses.
    """
    import urllib3
    from kfp_server_api import ApiException

    place = f" in namespace {namespace}" if namespace else ""
    try:
        yield
    except ApiException as error:
        raise _refused(error, what, place) from None
    except (urllib3.exceptions.HTTPError, TimeoutError) as error:
        raise UnreachableError(f"expected Kubeflow Pipelines to {what}{place}, found: {error}") from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"expected Kubeflow Pipelines to {what}{place}, found: {error}") from None


def _refused(error: Any, what: str, place: str) -> PipelineError:
    message, code = _words(error), error.status or 0
    if code in _PASSING:
        return UnreachableError(f"expected Kubeflow Pipelines to {what}{place}, found status {code}: {message}")
    if code == 401:
        return PipelineError(
            f"expected valid credentials for Kubeflow Pipelines, found status 401: {message}; see --token-file"
        )
    if code == 403:
        return PipelineError(f"expected the right to {what}{place}, found that it is missing: {message}")
    return PipelineError(f"expected Kubeflow Pipelines to {what}{place}, found status {code}: {message}")


def _words(error: Any) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        found = foreign_json.loads(body)
    except ValueError:
        found = body
    text = found.get("message") or found.get("error") or body if isinstance(found, dict) else body
    return " ".join(str(text or error.reason or "no reason").split())[:500]
