"""A client of an endpoint: a pool of connections, and patience.

An answer of 503 says when to come again (Retry-After); a connection that breaks may be a server that is restarted.
Both are tried again, after pauses that double; a prediction changes nothing, so asking twice is safe. What a request
itself is to blame for (4xx) is not tried again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import urllib3
from urllib3.util import Retry

from components import foreign_json
from components.errors import EndpointError

AGAIN = (502, 503, 504)
EVENT_ID = "X-Roadworthy-Event-Id"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Reply(NamedTuple):
    """What an endpoint answered.

    Attributes:
        body: All of it.
        content_type: As it came.
        event_id: The server's name for the exchange.
        seconds: From the first try to the last byte.
        retries: Tries before the one that was answered.
    """

    body: bytes
    content_type: str
    event_id: str
    seconds: float
    retries: int

    def json(self) -> Any:
        """Returns the body's JSON.

        Raises:
            EndpointError: It has none.
        """
        try:
            return foreign_json.loads(self.body)
        except ValueError:
            raise EndpointError(f"expected an answer in JSON, found {self.body[:80]!r}") from None


class Client:
    """A client of one endpoint; any number of threads may use it.

    Args:
        url: Of the endpoint, ``http://host:port``.
        connections: Kept open at most.
        retries: Of one request.
        timeout: Seconds for one try.
        longest_pause: Seconds between two tries, at most.
    """

    def __init__(
        self, url: str, *, connections: int = 8, retries: int = 8, timeout: float = 60.0, longest_pause: float = 5.0
    ) -> None:
        self.url = url.rstrip("/")
        self._retry = Retry(
            total=retries,
            allowed_methods=None,
            status_forcelist=AGAIN,
            backoff_factor=0.1,
            backoff_max=longest_pause,
            backoff_jitter=0.05,
            raise_on_status=False,
            redirect=0,
        )
        self._pool = urllib3.PoolManager(
            maxsize=connections, block=False, timeout=urllib3.Timeout(connect=min(timeout, 10.0), read=timeout)
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def invoke(
        self,
        body: bytes,
        content_type: str,
        *,
        accept: str = "application/json",
        inference_id: str | None = None,
    ) -> Reply:
        """Sends one request to ``/invocations``.

        Raises:
            EndpointError: The endpoint could not be reached, or refused the request.
        """
        headers = {"Content-Type": content_type, "Accept": accept}
        if inference_id is not None:
            headers[INFERENCE_ID] = inference_id
        return self._reply("POST", "/invocations", body, headers)

    def ready(self) -> bool:
        """Returns whether the endpoint takes requests; asks once."""
        return self._asked(
            lambda: self._pool.request("GET", self.url + "/v2/health/ready", retries=False).status == 200
        )

    def digest(self) -> str:
        """Returns the digest of the package that the endpoint serves, ``sha256:…``; empty where it does not tell."""
        try:
            found = self._pool.request("GET", self.url + "/ping", retries=False)
            told = foreign_json.loads(found.data)["digest"]
        except (urllib3.exceptions.HTTPError, ValueError, LookupError, TypeError):
            return ""
        return told if isinstance(told, str) and _DIGEST.fullmatch(told) else ""

    def _asked(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except urllib3.exceptions.HTTPError:
            return False

    def _reply(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        started = time.perf_counter()
        try:
            found = self._pool.request(method, self.url + path, body=body, headers=headers, retries=self._retry)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise EndpointError(f"expected an answer from {self.url}, found {_reason(error)}") from None
        seconds = time.perf_counter() - started
        retries = len(found.retries.history) if found.retries is not None else 0
        if found.status != 200:
            raise EndpointError(
                f"expected 200 from {self.url}{path}, found {found.status}: {_message(found.data)}"
                + (f" (after {retries} retries)" if retries else ""),
                found.status,
            )
        return Reply(
            found.data, found.headers.get("Content-Type", ""), found.headers.get(EVENT_ID, ""), seconds, retries
        )


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {cause}"[:300]


def _message(body: bytes) -> str:
    try:
        return str(foreign_json.loads(body)["error"])[:300]
    except (ValueError, KeyError, TypeError):
        return repr(body[:80])
