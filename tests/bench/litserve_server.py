"""The trivial model behind LitServe, as its documentation has it: JSON with base64, dynamic batching, one worker.

Run with the Python of ``.venvs/bench-litserve``.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import litserve
import numpy as np
import trivial_model


class Trivial(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # an annotation would mean a query parameter
        return trivial_model.decode(base64.b64decode(request["image"]))

    def batch(self, inputs: Any) -> Any:
        return np.stack(inputs)

    def predict(self, batch: Any) -> Any:
        return trivial_model.scores(batch)

    def unbatch(self, output: Any) -> Any:
        return list(output)

    def encode_response(self, output: Any) -> Any:
        best = int(np.argmax(output))
        return {"class": best, "score": float(output[best])}


if __name__ == "__main__":
    port, fast = int(sys.argv[1]), sys.argv[2:3] == ["fast"]
    server = litserve.LitServer(
        Trivial(max_batch_size=32, batch_timeout=0.0), accelerator="cpu", workers_per_device=1, fast_queue=fast
    )
    server.run(
        host="127.0.0.1",
        port=port,
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        pretty_logs=False,
    )
