"""The Kubernetes API through lightkube, its errors as ours: what was expected, what was found, which right is missing.

Which cluster is meant is found as deploying finds it.
"""

from __future__ import annotations

import http
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from components.errors import PipelineError
from components.serve.deploy.kubernetes.configuration import configuration
from pipelines.submit.runs import UnreachableError

MANAGER: Final = "roadworthy"
"""The field manager: what was applied by somebody else is not taken over in silence."""

_PASSING: Final = (408, 429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed."""


def connect(namespace: str | None = None) -> Any:
    """Returns a ``lightkube.Client``; its namespace is the one given, else the context's.

    Raises:
        PipelineError: lightkube is not installed, or no cluster is configured.
    """
    try:
        import lightkube
    except ImportError:
        raise PipelineError("expected lightkube, found none: pip install 'roadworthy[argo]'") from None
    try:
        found, _ = configuration()
        return lightkube.Client(found, namespace=namespace or found.namespace, field_manager=MANAGER)
    except Exception as error:  # the file is the user's, and may say anything
        raise PipelineError(
            f"expected a cluster, named by KUBECONFIG or ~/.kube/config, found none: {_words(error)}"
        ) from None


def resource(kind: str, plural: str, group: str = "argoproj.io", version: str = "v1alpha1") -> Any:
    """Returns the class of a namespaced custom resource."""
    from lightkube.generic_resource import create_namespaced_resource

    return create_namespaced_resource(group, version, kind, plural)


@contextmanager
def asking(what: str, namespace: str) -> Iterator[None]:
    """Turns what goes wrong within into our errors.

    Args:
        what: In words, with a verb: ``create workflows.argoproj.io``.
        namespace: Where.

    Raises:
        UnreachableError: Nobody answers, or the API asks for patience.
        PipelineError: For all else that the API refuses.
    """
    import httpx2
    from lightkube.core.exceptions import ConfigError

    try:
        yield
    except httpx2.HTTPStatusError as error:
        raise _refused(error, what, namespace) from None
    except httpx2.HTTPError as error:
        address = f" at {error.request.url.host}:{error.request.url.port}" if _asked(error) else ""
        raise UnreachableError(f"expected the cluster's API{address} to answer, found: {_words(error)}") from None
    except ConfigError as error:
        raise PipelineError(f"expected credentials for the cluster, found: {_words(error)}") from None


def missing(error: BaseException) -> bool:
    """Says whether an error of lightkube means that the object is not there."""
    return _code(error) == http.HTTPStatus.NOT_FOUND


def forbidden(error: BaseException) -> bool:
    """Says whether an error of lightkube means that the right to look is missing."""
    return _code(error) == http.HTTPStatus.FORBIDDEN


def _code(error: BaseException) -> int:
    response = getattr(error, "response", None)
    return int(getattr(response, "status_code", 0))


def _refused(error: Any, what: str, namespace: str) -> PipelineError:
    code, message = _code(error), _words(error)
    place = f"in namespace {namespace}"
    if code in _PASSING:
        return UnreachableError(f"expected the cluster to {what} {place}, found status {code}: {message}")
    if code == http.HTTPStatus.UNAUTHORIZED:
        return PipelineError(f"expected valid credentials for the cluster, found that it does not know them: {message}")
    if code == http.HTTPStatus.FORBIDDEN:
        return PipelineError(f"expected the right to {what} {place}, found that it is missing: {message}")
    if code == http.HTTPStatus.NOT_FOUND:
        return _absent(what, namespace, message)
    conflict = code == http.HTTPStatus.CONFLICT
    wanted = "nobody else to keep what would change" if conflict else f"the cluster to {what}"
    return PipelineError(f"expected {wanted} {place}, found status {code}: {message}")


def _absent(what: str, namespace: str, message: str) -> PipelineError:
    if "namespaces" in message:
        return PipelineError(f"expected the namespace {namespace}, found none: kubectl create namespace {namespace}")
    if "page not found" in message or "requested resource" in message:
        return PipelineError(
            f"expected a cluster that can {what}, found that it does not know them: is Argo Workflows installed?"
        )
    return PipelineError(f"expected the cluster to {what} in namespace {namespace}, found nothing there: {message}")


def _asked(error: Any) -> bool:
    try:
        return error.request is not None
    except RuntimeError:  # httpx says so where no request was made
        return False


def _words(error: Any) -> str:
    response = getattr(error, "response", None)
    status = getattr(error, "status", None)
    text = getattr(status, "message", "") or (response.text[:300] if response is not None else "") or str(error)
    return " ".join(text.split()) or type(error).__name__
