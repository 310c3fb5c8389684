"""SageMaker's serving contract: what ``POST /invocations`` takes and answers.

Developer Guide, "Use Your Own Inference Code with Hosting Services". The container listens on 8080, answers
``GET /ping`` within 2 s and ``POST /invocations`` within 60 s.

=======================  ==============================================================================
Content-Type             body
=======================  ==============================================================================
image/jpeg, image/png    one image
application/x-image      one image of either format, or PNM
application/x-npy        one uint8 array ``(H, W, 3)``, or ``(N, H, W, 3)``
application/json         ``{"instances": [nested lists (H, W, 3), …]}`` or ``{"images": ["base64", …]}``
=======================  ==============================================================================

====================================  =================================================================
Accept                                answer
====================================  =================================================================
application/json (also no Accept)     the model's document: ``{"predictions": [{"class": 14, …}]}``
application/json; format=bare         the classes alone, ``[[25]]``: one row an image
application/x-npy                     the model's first output, float32 ``(N, …)``
====================================  =================================================================

A detector's document, ``{"predictions": [{"detections": […]}]}``, is ``format=full``. Unless asked for it, a detector
answers as Clarify wants it: ``[[[class, score, x1, y1, x2, y2], …], …]``, a list an image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from components.errors import RequestError
from components.images import Pixels
from components.serve.limits import Limits
from components.serve.protocols import media, npy, pixels
from components.serve.protocols.wording import shown
from components.serve.runtimes import Runtime

ACCEPTED = ("image/jpeg", "image/png", "application/x-image", media.NPY, media.JSON)
OFFERED = (media.JSON, media.NPY)


def images(body: bytes, content_type: str, limits: Limits) -> list[Pixels]:
    """Returns the images in a request's body.

    Raises:
        RequestError: 415 for another type, 400 for a body that is not what it says, 413 for too much of it.
    """
    if content_type in ("image/jpeg", "image/png", "application/x-image"):
        return [pixels.from_encoded(body, limits, content_type)]
    if content_type == media.NPY:
        return pixels.from_npy(body, limits)
    if content_type == media.JSON:
        return _from_json(body, limits)
    raise media.unsupported(content_type or "none", ACCEPTED)


def answer(outputs: NDArray[np.float32], runtime: Runtime, accept: media.MediaType) -> tuple[bytes, str]:
    """Returns an answer's body and its Content-Type.

    Args:
        outputs: What the model gave, ``(N, …)``.
        runtime: Knows what they mean.
        accept: What was negotiated from ``OFFERED``.

    Raises:
        RequestError: 406, Accept has a parameter that is not known.
    """
    if accept.name == media.NPY:
        return npy.write(outputs), media.NPY
    form = accept.parameters.get("format", runtime.form)
    if form == "full":
        return orjson.dumps(runtime.document(outputs)), media.JSON
    if form == "bare":
        return orjson.dumps(runtime.bare(outputs)), media.JSON
    raise RequestError(f"expected format=full or format=bare in Accept, found {form[:40]!r}", 406)


def load_json(body: bytes) -> dict[str, Any]:
    """Reads a JSON object; NaN, lone surrogates and more than 1,024 levels are no JSON here.

    Raises:
        RequestError: It is none.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"expected JSON, found {error}") from None
    if not isinstance(found, dict):
        raise RequestError(f"expected a JSON object, found {shown(found)}")
    return found


def _from_json(body: bytes, limits: Limits) -> list[Pixels]:
    found = load_json(body)
    if ("instances" in found) == ("images" in found):
        keys = ", ".join(sorted(found))[:80] or "none"
        raise RequestError(f"expected either the key instances or the key images, found {keys}")
    if "images" in found:
        return pixels.from_base64(found["images"], limits)
    return pixels.from_lists(found["instances"], limits)
