"""An endpoint as a predictor: batches as one .npy each, several requests in flight, and patience with its troubles.

=====================================  ================================================================
the endpoint                           what happens
=====================================  ================================================================
finds a batch too large (413)          the batch is halved, and later ones are made as small
answers a batch with another error     it is sent picture by picture, and all later ones too; AWS's job says
                                       "Fallback to per-record prediction because of model error."
answers a single picture with an       the explanation fails
error
is gone, or busy beyond the client's   what it has not answered is sent again, for ``patience`` seconds
own patience
=====================================  ================================================================

With an image type as Content-Type each picture is a request of its own, as Clarify's jobs send them. JPEG changes the
pixels a little; PNG and .npy do not.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from components.clarify import answers
from components.clarify.pictures import shrunk
from components.clarify.predictors import BATCH, DETECTION, Spent
from components.errors import EndpointError, InputError
from components.images import Pixels, encode_png
from components.serve.client import Client, Reply

JSON = "application/json"
CONTENT_TYPES = (answers.NPY, "image/png", "image/jpeg")
PREFERRED = f"{answers.NPY}, {JSON};q=0.9"
"""Numbers as they are, if the endpoint has them; JSON if not."""

SIDE = 640

_FIRST = 8  # pictures in a request, until it is known how long they take
_QUICK, _SLOW = 1.0, 10.0  # seconds of a request: below, the next has twice as many pictures; above, half as many

_GONE = (0, 502, 503, 504)
_UNREAD = (400, 406, 415)  # an Accept with a choice may be more than a server understands


class EndpointPredictor:
    """A served model; ``answers`` may be used by one thread at a time.

    Args:
        url: Of the endpoint, ``http://host:port``.
        model_type: ``OBJECT_DETECTION`` or ``IMAGE_CLASSIFICATION``.
        content_type: One of ``CONTENT_TYPES``.
        accept: What is asked for; JSON also takes .npy, where the endpoint understands the choice.
        side: Of pictures that are sent, the longer side at most; the model resizes them anyway.
        request_bytes: Of the pictures in a request.
        in_flight: Requests at once; the pictures in memory are bounded by this many ``request_bytes`` and one more.
        patience: Seconds for an endpoint to come back.
        client: Another client than one made here.

    Raises:
        InputError: The content type is not known.
    """

    def __init__(
        self,
        url: str,
        model_type: str,
        *,
        content_type: str = answers.NPY,
        accept: str = JSON,
        side: int = SIDE,
        request_bytes: int = 8 * 2**20,
        in_flight: int = 4,
        patience: float = 120.0,
        client: Client | None = None,
    ) -> None:
        if content_type not in CONTENT_TYPES:
            raise InputError(f"expected a content type among {', '.join(CONTENT_TYPES)}, found {content_type[:60]!r}")
        self._url = url
        self.spent = Spent()
        self._read = answers.detections if model_type == DETECTION else answers.probabilities
        self._type, self._side, self._bytes = content_type, side, request_bytes
        self._plain = accept
        self._accept = PREFERRED if accept == JSON else accept
        self._ceiling = BATCH if content_type == answers.NPY else 1
        self._most = min(self._ceiling, _FIRST)
        self._patience, self._in_flight = patience, in_flight
        self._client = client or Client(url, connections=in_flight)
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="predict")
        self._lock = threading.Lock()

    @property
    def source(self) -> str:
        """The digest of the package that is served, where the endpoint tells it, else its address."""
        return self._client.digest() or self._url

    def prepare(self, image: Pixels) -> Pixels:
        """Returns the picture, its longer side at most ``side`` pixels."""
        return shrunk(image, self._side)

    def room(self, size: int) -> int:
        """Returns how many pictures make a request."""
        return max(1, min(self._most, self._bytes // size))

    def answers(self, batches: Iterable[Pixels]) -> Iterator[NDArray[np.float32]]:
        """Yields what the endpoint answered about each batch.

        Raises:
            EndpointError: It refused a picture, or did not come back.
        """
        waiting: deque[Future[NDArray[np.float32]]] = deque()
        try:
            for batch in batches:
                waiting.append(self._pool.submit(self._one, batch))
                if len(waiting) >= self._in_flight:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def names(self, image: Pixels) -> dict[int, str]:
        """Returns the labels of what our own server finds in the picture; none from others."""
        try:
            return answers.names(self._post(image[None], f"{JSON}; format=full").body)
        except EndpointError:
            return {}

    def close(self) -> None:
        """Ends the threads and the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _result(self, future: Future[NDArray[np.float32]]) -> NDArray[np.float32]:
        started = time.perf_counter()
        found = future.result()
        self.spent.seconds += time.perf_counter() - started
        self.spent.predictions += len(found)
        return found

    def _one(self, batch: Pixels) -> NDArray[np.float32]:
        if len(batch) > 1 and self._type != answers.NPY:
            return self._parts(batch, 1)
        try:
            return self._asked(batch)
        except EndpointError as error:
            if len(batch) == 1 or error.status in _GONE:
                raise
            half = -(-len(batch) // 2) if error.status == 413 else 1
            self._shrink(half, str(error))
            return self._parts(batch, half)

    def _parts(self, batch: Pixels, size: int) -> NDArray[np.float32]:
        found = [self._one(batch[start : start + size]) for start in range(0, len(batch), size)]
        if found[0].ndim == 2:
            return np.concatenate(found)
        most = max(one.shape[1] for one in found)
        return np.concatenate([_padded(one, most) for one in found])

    def _shrink(self, size: int, why: str) -> None:
        with self._lock:
            if size < self._ceiling:
                self._ceiling = size
                self._most = min(self._most, size)
                words = "half as many pictures a request" if size > 1 else "per-record prediction"
                print(f"clarify: fallback to {words} because of: {why[:200]}", file=sys.stderr)

    def _asked(self, batch: Pixels) -> NDArray[np.float32]:
        accept = self._accept
        try:
            reply = self._patient(batch, accept)
        except EndpointError as error:
            if accept == self._plain or error.status not in _UNREAD:
                raise
            self._accept = self._plain
            reply = self._patient(batch, self._plain)
        self._pace(len(batch), reply.seconds)
        try:
            return self._read(reply.body, reply.content_type, len(batch))
        except EndpointError as error:
            raise EndpointError(str(error), 200) from None  # it answered: this batch, that is, not something else

    def _pace(self, pictures: int, seconds: float) -> None:
        with self._lock:
            if seconds < _QUICK:
                self._most = min(self._ceiling, max(self._most, 2 * pictures))
            elif seconds > _SLOW:
                self._most = max(1, min(self._most, pictures // 2))

    def _patient(self, batch: Pixels, accept: str) -> Reply:
        """Posts a batch; an endpoint that is gone is given time to come back, since nothing answered is lost."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._post(batch, accept)
            except EndpointError as error:
                if error.status not in _GONE or time.monotonic() >= until:
                    raise
                print(f"clarify: waiting for the endpoint: {str(error)[:200]}", file=sys.stderr)
                time.sleep(0.5)

    def _post(self, batch: Pixels, accept: str) -> Reply:
        with self._lock:
            self.spent.requests += 1
        return self._client.invoke(_encoded(batch, self._type), self._type, accept=accept)


def _encoded(batch: Pixels, content_type: str) -> bytes:
    if content_type == answers.NPY:
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, batch, version=(1, 0), allow_pickle=False)
        return buffer.getvalue()
    if content_type == "image/png":
        return encode_png(batch[0])
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(batch[0]).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def _padded(rows: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    return np.pad(rows, ((0, 0), (0, most - rows.shape[1]), (0, 0)), constant_values=-1)
