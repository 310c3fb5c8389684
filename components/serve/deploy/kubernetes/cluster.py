"""Speaking with a cluster's API server, over lightkube: five verbs, objects as plain dicts, errors in one line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from components.errors import EndpointError
from components.serve.deploy.kubernetes.configuration import configuration

if TYPE_CHECKING:
    from lightkube import Client

Object = dict[str, Any]
Found = TypeVar("Found")

MANAGER = "roadworthy"
"""The field manager: what it applied is ours, and nothing else is."""

TRIES = 5
_PAUSE_SECONDS = 0.2
_PASSING = (429, 500, 502, 503, 504)
_KINDS = {
    "Deployment": ("apps", "v1", "deployments"),
    "Service": ("", "v1", "services"),
    "Pod": ("", "v1", "pods"),
    "HorizontalPodAutoscaler": ("autoscaling", "v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy", "v1", "poddisruptionbudgets"),
}


class Cluster:
    """One namespace of the cluster that ``KUBECONFIG`` or ``~/.kube/config`` names, or that this process is a pod of.

    Args:
        namespace: Empty for the configuration's own.

    Raises:
        EndpointError: There is no such configuration.
    """

    def __init__(self, namespace: str = "") -> None:
        from lightkube import Client

        try:
            config, self.inside = configuration()
            self.namespace = namespace or config.namespace
            self._client: Client = Client(config, namespace=self.namespace, field_manager=MANAGER)
        except Exception as error:  # the file is the user's, and may say anything
            found = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise EndpointError(f"expected a cluster, by KUBECONFIG or as a pod of one, found none: {found}") from None
        self._server = config.cluster.server

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def get(self, kind: str, name: str) -> Object | None:
        """Returns an object, or None where there is none."""
        return self._ask("get", kind, name, lambda: self._client.get(_class(kind), name=name).to_dict())

    def apply(self, wanted: Object, *, force: bool = False) -> Object:
        """Applies an object (server-side apply) and returns it as it now is.

        Args:
            wanted: Whole; what it left out since the last time is taken away.
            force: Take fields that others have set.

        Raises:
            EndpointError: Others have set its fields to something else; they and the fields are named.
        """
        from lightkube.types import PatchType

        kind, name = wanted["kind"], wanted["metadata"]["name"]
        found = self._ask(
            "patch",
            kind,
            name,
            lambda: self._client.patch(
                _class(kind), name, wanted, patch_type=PatchType.APPLY, field_manager=MANAGER, force=force
            ).to_dict(),
        )
        if found is None:
            raise EndpointError(f"expected the namespace {self.namespace}, found none of this name")
        return found

    def delete(self, kind: str, name: str) -> bool:
        """Deletes an object and, by and by, what it made; returns whether there was one."""
        return self._ask("delete", kind, name, lambda: (self._client.delete(_class(kind), name), True)[1]) is not None

    def pods(self, labels: Mapping[str, str]) -> list[Object]:
        """Returns the pods with these labels, by name."""
        kind = _class("Pod")
        wanted: dict[str, Any] = dict(labels)
        found = self._ask("list", "Pod", "", lambda: [one.to_dict() for one in self._client.list(kind, labels=wanted)])
        return sorted(found or [], key=lambda pod: str(pod["metadata"]["name"]))

    def own_image(self) -> str:
        """Returns the image that this process runs from, empty where it is no pod or may not look.

        So an overlay that renames the images of a pipeline's steps names that of the endpoints they start as well.
        """
        if not self.inside:
            return ""
        try:
            pod = self.get("Pod", os.environ.get("HOSTNAME", ""))
        except EndpointError:
            return ""
        containers = pod["spec"]["containers"] if pod else []
        images = {one["name"]: str(one["image"]) for one in containers}
        return images.get("main", "")  # so both Argo and KFP call the container of a step

    def _ask(self, verb: str, kind: str, name: str, call: Callable[[], Found]) -> Found | None:
        from httpx2 import HTTPError, HTTPStatusError
        from lightkube.core.exceptions import ConfigError

        doing = f"{verb} {kind} {name}".rstrip()
        for tried in range(1, TRIES + 1):
            try:
                return call()
            except HTTPStatusError as error:
                status = error.response.status_code if error.response is not None else 0
                if status == 404:
                    return None
                if status in _PASSING and tried < TRIES:
                    time.sleep(_PAUSE_SECONDS * 2**tried)
                    continue
                raise EndpointError(f"{doing}: {self._refused(status, error)}", status) from None
            except HTTPError as error:
                if tried < TRIES:
                    time.sleep(_PAUSE_SECONDS * 2**tried)
                    continue
                found = f"{type(error).__name__}: {error}"
                raise EndpointError(f"{doing}: expected an API server at {self._server}, found {found}") from None
            except ConfigError as error:
                raise EndpointError(f"{doing}: expected credentials for {self._server}, found {error}") from None
        raise AssertionError("unreachable")

    def _refused(self, status: int, error: Any) -> str:
        message = " ".join(str(error).split())
        if status == 401:
            return f"expected credentials that {self._server} takes, found them refused: {message}"
        if status == 403:
            return f"expected the right to do so in the namespace {self.namespace}, found {message}"
        causes = getattr(getattr(error, "status", None), "details", None)
        listed = [one for one in (getattr(causes, "causes", None) or []) if one.reason == "FieldManagerConflict"]
        if status == 409 and listed:
            fields = ", ".join(f"{one.field} ({one.message})" for one in listed)
            return f"expected all that is applied to be ours, found fields that others have set: {fields}"
        return f"expected the cluster to take it, found {status}: {message}"


def _class(kind: str) -> Any:
    """Returns lightkube's handle of a kind: plain dicts in and out, whatever a newer cluster adds to them."""
    from lightkube.generic_resource import GenericNamespacedResource, create_api_info

    group, version, plural = _KINDS[kind]
    return type(kind, (GenericNamespacedResource,), {"_api_info": create_api_info(group, version, kind, plural)})
