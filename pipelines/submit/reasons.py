"""What is behind a step that waits or failed: what the cluster says, turned into what was expected and what to do.

The texts are those of Argo's controller (workflow/controller/operator.go, ``inferFailedReason`` and
``getPendingReason``), of its executor, of the kubelet and of the scheduler.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """What a step asks of the cluster: its image, node selector, resources, ServiceAccount; empty where not known."""

    image: str = ""
    selector: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    account: str = ""

    def words(self) -> str:
        """Returns selector and limits in one line: ``labels a=b, nvidia.com/gpu 1``."""
        labels = " and ".join(f"{key}={value}" for key, value in sorted(self.selector.items()))
        limits = [f"{name} {amount}" for name, amount in sorted(self.limits.items())]
        return ", ".join([*([f"the label {labels}"] if labels else []), *limits])


_RULES: tuple[tuple[str, str], ...] = (
    (
        r"Unschedulable|nodes are available|FailedScheduling",
        "expected a node with {words} that is free; see `kubectl get nodes --show-labels`, or choose another --profile",
    ),
    (
        r"ErrImage|ImagePullBackOff|InvalidImageName|ImageInspectError",
        "expected an image that the cluster can pull, found {image}; see --images, and the namespace's pull secrets",
    ),
    (
        r"OOMKilled|exit code 137\b",
        "expected it to fit into its memory ({memory}); give it more (a --profile's memory), or less to do",
    ),
    (
        r"serviceaccount \S+ not found|error looking up service account",
        "expected the ServiceAccount {account} in the namespace; the manifests under manifests/ make it",
    ),
    (
        r"workflowtaskresults\S* is forbidden",
        "expected {account} to have the right to create and patch workflowtaskresults.argoproj.io",
    ),
    (r"exceeded quota", "expected room in the namespace's ResourceQuota: kubectl describe resourcequota"),
    (r"violates PodSecurity", "expected a pod that the namespace's Pod Security level admits"),
    (
        r"artifact (repository|storage|location)|NoSuchBucket|bucket does not exist|failed to (save|put|load|get) "
        r"\w*\s*(outputs|artifact|file)|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch",
        "expected an artifact repository of the S3 kind as the namespace's default (ConfigMap artifact-repositories), "
        "its bucket made and its credentials allowed to read and write",
    ),
    (
        r"(secret|configmap) \"?[^\" ]+\"? not found|CreateContainerConfigError",
        "expected the Secret or ConfigMap that it names in the namespace",
    ),
    (r"DeadlineExceeded|active on the node longer than", "expected it to end within its time limit"),
    (r"Evicted|node was low on resource", "expected a node that does not run out of memory or disk"),
    (r"[Ss]hutdown|Stopped with strategy|[Tt]erminated with strategy", ""),
)


def explained(message: str, asked: Asked) -> str:
    """Returns what was expected, for a message of the cluster; empty where the message says it all.

    Args:
        message: Of a pod, a step or a run.
        asked: What the step asks of the cluster.
    """
    named = re.search(r'image "([^"]+)"', message)  # a pod has others beside the step's: Argo's own
    for pattern, words in _RULES:
        if re.search(pattern, message):
            return words.format(
                words=asked.words() or "what the step asks for",
                image=named[1] if named else asked.image or "another",
                memory=f"limit {asked.limits['memory']}" if "memory" in asked.limits else "no limit of its own",
                account=asked.account or "the workflow's ServiceAccount",
            )
    return ""
