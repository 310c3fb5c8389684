"""What a kubelet says of containers that do not run, and a rollout that does not get on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.serve.kubernetes_api import Api

SERVER, FETCH = "containerStatuses", "initContainerStatuses"


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def crashed(words: str, code: int = 1, **more: Any) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": code, "reason": "Error", "message": words, **more}}
    return {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended, "restartCount": 1}


def stuck(api: Api, *conditions: dict[str, Any], old: int = 0, **status: Any) -> Callable[[dict[str, Any]], None]:
    """What ``on_apply`` is while nothing gets on: the pod has this status, the Deployment these conditions."""

    def play(deployment: dict[str, Any]) -> None:
        api.waiting(deployment, *conditions, old=old)
        if status:
            api.pod(deployment, **{key: _named(key, value) for key, value in status.items()})

    return play


def _named(key: str, value: Any) -> Any:
    if key not in (SERVER, FETCH):
        return value
    return [{"name": "server" if key == SERVER else "fetch", "image": "roadworthy/torch:0.1.0", **value}]
