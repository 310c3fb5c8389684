"""The trivial model behind MLServer: Open Inference Protocol, a base64 tensor, inference in the server's own process.

``batch`` as the second argument turns its adaptive batching on. Run with the Python of ``.venvs/bench-mlserver``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import trivial_model
from mlserver import MLModel, MLServer, ModelSettings
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.settings import Settings
from mlserver.types import InferenceResponse


class Trivial(MLModel):
    async def predict(self, payload: Any) -> Any:
        files = [file for tensor in payload.inputs for file in Base64Codec.decode_input(tensor)]
        outputs = trivial_model.scores(np.stack([trivial_model.decode(file) for file in files]))
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("probabilities", outputs)], id=payload.id
        )


async def main(port: int, batching: bool) -> None:
    settings = Settings(
        debug=False,
        host="127.0.0.1",
        http_port=port,
        grpc_port=port + 1,
        metrics_port=port + 2,
        parallel_workers=0,
        logging_settings=None,
        metrics_dir=tempfile.mkdtemp(),
    )
    server = MLServer(settings)
    model = ModelSettings(
        name="trivial",
        implementation=Trivial,
        max_batch_size=32 if batching else 0,
        max_batch_time=0.002 if batching else 0.0,
    )
    await server.start([model])


if __name__ == "__main__":
    import logging

    logging.disable(logging.WARNING)
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:3] == ["batch"]))
