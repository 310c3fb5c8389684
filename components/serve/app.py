"""The routes of a server: health, the two protocols, metrics."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from components.errors import RequestError
from components.serve import openapi, plain
from components.serve.batching import Policy
from components.serve.endpoint import Endpoint, HandlerEndpoint, ImageEndpoint
from components.serve.gate import Answer, Capture, Gate, Request
from components.serve.handlers import Call, Handler
from components.serve.limits import Limits
from components.serve.loading import Loaded
from components.serve.metrics import CONTENT_TYPE, Metrics
from components.serve.offers import both
from components.serve.protocols import media, open_inference, sagemaker
from components.serve.protocols.wording import shown

INVOCATIONS = "/invocations"
MODEL = "/v2/models/{name}"
SERVER = {"name": "roadworthy", "version": "2", "extensions": open_inference.EXTENSIONS}


class Server:
    """One loaded model, its queue, and the routes to it.

    Args:
        loaded: The model.
        name: As in ``/v2/models/<name>`` and in the metrics.
        policy: How batches are formed.
        limits: What is refused; ``queue_images`` and ``request_seconds`` take the place of the policy's.
        capture: Where exchanges are offered; closed with the server.
        tensors: As ``capture``; where they are recomputed.
    """

    def __init__(
        self,
        loaded: Loaded,
        name: str,
        policy: Policy = Policy(),  # noqa: B008 - tuples of numbers cannot change
        limits: Limits = Limits(),  # noqa: B008
        capture: Capture | None = None,
        tensors: Capture | None = None,
    ) -> None:
        policy = policy._replace(queue_images=limits.queue_images, timeout=limits.request_seconds)
        self.name = name
        self.version = loaded.version
        self.digest = loaded.digest
        self.metrics = Metrics(name)
        self.limits = limits
        self.gate = Gate(limits, self.metrics, both(capture, tensors))
        self.ready = False
        """Whether the server takes requests: false before the start, and again from SIGTERM on."""
        self.endpoint: Endpoint = (
            HandlerEndpoint(loaded.model, policy, self.metrics)
            if isinstance(loaded.model, Handler)
            else ImageEndpoint(loaded.model, policy, limits, self.metrics)
        )
        # Made once: it says nothing that changes while the server runs.
        self._document = orjson.dumps(openapi.describe(loaded, name, limits))
        self._show(capture, tensors)

    def drain(self) -> None:
        """Says that the server is not ready any more, and asks its clients to go elsewhere; it still answers."""
        self.ready = False
        self.gate.closing = True

    def application(self) -> ASGIApp:
        """Returns the ASGI application."""
        invocations = self.gate.protocol("sagemaker", self._invoke)
        routed = Starlette(
            routes=[Route(INVOCATIONS, invocations, methods=["POST"]), *self._routes()],
            lifespan=self._lifespan,
            exception_handlers={HTTPException: plain.no_route("server")},  # type: ignore[dict-item]
        )

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            # The one busy route need not be looked for; the gate handles its errors itself.
            if scope["type"] == "http" and scope["path"] == INVOCATIONS and scope["method"] == "POST":
                await invocations(scope, receive, send)
            else:
                await routed(scope, receive, send)

        return application

    def _show(self, capture: Capture | None, tensors: Capture | None) -> None:
        self.metrics.gauge("queue_images", "Images waiting", lambda: self.endpoint.batcher.queued)
        self.metrics.gauge("queue_bytes", "Bytes of request bodies in memory", lambda: self.gate.budget.used)
        self.metrics.gauge("requests_in_flight", "Requests at work", lambda: self.gate.requests)
        if capture is not None:
            self.metrics.capture(capture.statistics)
        if tensors is not None:
            self.metrics.tensors(tensors.statistics)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.endpoint.start()
        self.ready = True
        yield
        self.ready = False
        await self.endpoint.stop()
        if self.gate.capture is not None:
            self.gate.capture.close(timeout=5.0)

    def _routes(self) -> list[Route]:
        infer = self.gate.protocol("open_inference", self._infer)
        described = [Route(MODEL + version, self._describe) for version in ("", "/versions/{version}")]
        ready = [Route(MODEL + version + "/ready", self._model_ready) for version in ("", "/versions/{version}")]
        inferred = [
            Route(MODEL + version + "/infer", infer, methods=["POST"]) for version in ("", "/versions/{version}")
        ]
        return [
            *inferred,
            Route("/ping", self._ping),
            Route("/v2/health/live", plain.live),
            Route("/v2/health/ready", self._health),
            Route("/v2", _about),
            *described,
            *ready,
            Route("/metrics", self._page),
            Route(openapi.PATH, self._described),
        ]

    async def _invoke(self, request: Request) -> Answer:
        if isinstance(self.endpoint, HandlerEndpoint):
            return await self._handle(self.endpoint, request)
        endpoint, runtime = self.endpoint, self.endpoint.runtime
        content_type = media.parse(request.text(b"content-type") or media.OCTETS).name
        accept = media.negotiate(request.text(b"accept") or media.JSON, sagemaker.OFFERED)
        body = request.body
        batch = await endpoint.decode(
            len(body), lambda: endpoint.prepare(sagemaker.images(body, content_type, self.limits))
        )
        outputs = await endpoint.predict(batch, request.watching())
        started = time.perf_counter()
        answer = Answer(200, *sagemaker.answer(outputs, runtime, accept))
        self.metrics.postprocess.observe(time.perf_counter() - started)
        return answer

    async def _handle(self, endpoint: HandlerEndpoint, request: Request) -> Answer:
        accept = request.text(b"accept")
        call = Call(
            request.body,
            request.text(b"content-type"),
            media.JSON if accept in ("", "*/*") else accept,
            request.identity.event_id,
            {name.decode("latin-1"): request.text(name) for name in request.headers},
        )
        body, content_type = await endpoint.answer(call, request.watching())
        return Answer(200, body, content_type)

    async def _infer(self, request: Request) -> Answer:
        endpoint = self._tensors(request.parameters)
        length = open_inference.header_length(request.raw_headers)
        names = tuple(tensor.name for tensor in endpoint.runtime.outputs)
        inference, batch = await endpoint.decode(
            len(request.body), partial(self._inference, endpoint, request.body, length, names)
        )
        outputs = await endpoint.predict(batch, request.watching())
        with self.metrics.postprocess.time():
            about = {
                "model_name": self.name,
                "model_version": self.version,
                "id": inference.id or request.identity.event_id,
            }
            tensors = endpoint.runtime.tensors(outputs)
            body, content_type, head = open_inference.render(inference, tensors, endpoint.runtime, about)
        # With the length of the JSON part, so that whoever reads a captured binary request can tell it from tensors.
        types = _sized(request.text(b"content-type"), length), _sized(content_type, head)
        return Answer(200, body, content_type, _extra(head), types)

    def _inference(
        self, endpoint: ImageEndpoint, body: bytes, length: int | None, names: tuple[str, ...]
    ) -> tuple[open_inference.Inference, Any]:
        inference = open_inference.parse(body, length, names, self.limits)
        return inference, endpoint.prepare(inference.images)

    def _tensors(self, parameters: Any) -> ImageEndpoint:
        self._known(parameters)
        if isinstance(self.endpoint, HandlerEndpoint):
            raise RequestError("expected POST /invocations: this model is served by its archive's own handlers", 404)
        return self.endpoint

    def _known(self, parameters: Any) -> None:
        name, version = parameters["name"], parameters.get("version", self.version)
        if name != self.name or version != self.version:
            raise RequestError(
                f"expected the model {self.name!r} of version {self.version!r}, found {shown(name)}, {shown(version)}",
                404,
            )

    async def _health(self, request: StarletteRequest) -> Response:
        return plain.document({"ready": self.ready}, 200 if self.ready else 503)

    async def _ping(self, request: StarletteRequest) -> Response:
        # SageMaker looks at the status alone. Whoever explains or reports answers wants to know which model gave them.
        about = {"ready": self.ready, "model": self.name, "digest": self.digest}
        return plain.document(about, 200 if self.ready else 503)

    async def _describe(self, request: StarletteRequest) -> Response:
        return self._looked(lambda: open_inference.metadata(self.name, self.version, self._runtime(request)))

    async def _model_ready(self, request: StarletteRequest) -> Response:
        def state() -> Any:
            self._known(request.path_params)
            return {"name": self.name, "ready": self.ready}

        return self._looked(state, 200 if self.ready else 503)

    def _runtime(self, request: StarletteRequest) -> Any:
        return self._tensors(request.path_params).runtime

    def _looked(self, look: Callable[[], Any], status: int = 200) -> Response:
        try:
            return plain.document(look(), status)
        except RequestError as error:
            return plain.document({"error": str(error)}, error.status)

    async def _page(self, request: StarletteRequest) -> Response:
        return Response(self.metrics.page(), media_type=CONTENT_TYPE)

    async def _described(self, request: StarletteRequest) -> Response:
        try:
            media.negotiate(", ".join(request.headers.getlist("accept")) or media.JSON, (media.JSON,))
        except RequestError as error:
            return plain.document({"error": str(error)}, error.status)
        return Response(self._document, media_type=media.JSON)


async def _about(request: StarletteRequest) -> Response:
    return plain.document(SERVER)


def _sized(content_type: str, length: int | None) -> str:
    return (
        content_type if length is None else f"{content_type or media.OCTETS}; inference-header-content-length={length}"
    )


def _extra(length: int | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if length is None else ((open_inference.HEADER_LENGTH, b"%d" % length),)
