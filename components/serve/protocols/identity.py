"""Who a request is: its event id, and what the client wants to find it by.

The event id is made here, one uuid4 a request, and comes back as ``X-Roadworthy-Event-Id``. It is never the
client's: whether a record is captured is a pure function of it, so whoever chose it would choose what is monitored, and
two requests with one id would be one record. What the client calls its request is the inference id
(``X-Amzn-SageMaker-Inference-Id``, or CloudEvents' ``ce-id`` as KServe's logger sends it); it travels into the captured
record, where ground truth is joined on it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from components.errors import RequestError

EVENT_ID = b"x-roadworthy-event-id"
INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
CLOUD_EVENT_ID = b"ce-id"


class Identity(NamedTuple):
    """The ids of one request.

    Attributes:
        event_id: A uuid4, made by the server.
        inference_id: The client's, 1 to 64 visible ASCII characters.
        custom_attributes: The client's, at most 1,024 visible ASCII characters or blanks.
    """

    event_id: str
    inference_id: str | None = None
    custom_attributes: str | None = None

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Returns the headers that travel back with the answer."""
        found = [(EVENT_ID, self.event_id.encode())]
        if self.inference_id is not None:
            found.append((INFERENCE_ID, self.inference_id.encode()))
        if self.custom_attributes is not None:
            found.append((CUSTOM_ATTRIBUTES, self.custom_attributes.encode()))
        return found


def identify(event_id: str, headers: Mapping[bytes, bytes]) -> Identity:
    """Returns the ids of a request with these headers (lower-case names).

    Raises:
        RequestError: An id is empty, too long, or holds a character that could end a log line or a header.
    """
    inference = headers.get(INFERENCE_ID, headers.get(CLOUD_EVENT_ID))
    attributes = headers.get(CUSTOM_ATTRIBUTES)
    if inference is None and attributes is None:
        return Identity(event_id)
    return Identity(
        event_id,
        None if inference is None else _visible(inference, "inference id", low=1, high=64),
        None if attributes is None else _visible(attributes, "custom attributes", low=0, high=1024),
    )


class EventIds:
    """Makes event ids, uuid4 (RFC 9562, section 5.4) as text.

    Randomness is fetched from the system for 256 at a time: asking for each costs more than all else here.
    """

    def __init__(self) -> None:
        self._random = b""
        self._at = 0

    def __call__(self) -> str:
        """Returns a fresh one; called on the event loop alone."""
        if self._at == len(self._random):
            self._random, self._at = os.urandom(16 * 256), 0
        digits = self._random[self._at : self._at + 16].hex()
        self._at += 16
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _visible(value: bytes, name: str, low: int, high: int) -> str:
    # A blank is allowed: clients send JSON as attributes, and inside a header it is harmless.
    if not low <= len(value) <= high or any(not 0x20 <= byte <= 0x7E for byte in value):
        raise RequestError(
            f"{name}: expected {low} to {high} visible ASCII characters, found {len(value)} bytes {value[:20]!r}"
        )
    return value.decode("ascii")
