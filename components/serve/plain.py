"""Answers that need no gate: JSON about the program itself, liveness, and routes that there are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from components.serve.gate import refusal
from components.serve.protocols import media
from components.serve.protocols.wording import shown


def document(content: Any, status: int = 200) -> Response:
    """Returns a JSON answer."""
    return Response(orjson.dumps(content), status, media_type=media.JSON)


async def live(request: Request) -> Response:
    """Answers that the program runs."""
    return document({"live": True})


def no_route(program: str) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    """Returns the answer to a route or method that a program, ``server`` or ``sink``, does not have."""

    async def answer(request: Request, error: HTTPException) -> Response:
        asked = f"{shown(request.method)} {shown(request.url.path)}"
        told = refusal(error.status_code, f"expected a route and method of this {program}, found {asked}")
        return Response(told.body, told.status, headers=error.headers, media_type=told.content_type)

    return answer
