"""Which cluster is meant: the one of ``KUBECONFIG``, of ``~/.kube/config``, or that this process is a pod of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import EndpointError

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig


def configuration() -> tuple[SingleConfig, bool]:
    """Returns how to reach the cluster, and whether this process is one of its pods.

    What the caller names comes before the pod's own account, as kubectl has it.

    Raises:
        EndpointError: The file has no context.
        Exception: lightkube's and its parser's, for a file that says anything else.
    """
    from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, KubeConfig
    from lightkube.config.models import User

    files = [one for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    if files:  # of several, the first that is there
        found, inside = KubeConfig.from_file(next((one for one in files if Path(one).is_file()), files[0])), False
    elif os.environ.get("KUBERNETES_SERVICE_HOST"):
        found, inside = KubeConfig.from_service_account(), True
    else:
        found, inside = KubeConfig.from_file(DEFAULT_KUBECONFIG), False
    config = found.get()
    if config is None:
        raise EndpointError("expected a context, found a file without one")
    return (config if config.user else config._replace(user=User())), inside
