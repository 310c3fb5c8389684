"""A model server for any packaged model, what starts and stops it, and a client.

Two protocols are spoken at once, over the same model and the same queue:

* SageMaker's container contract: ``GET /ping``, ``POST /invocations`` (``protocols.sagemaker``).
* Open Inference Protocol v2, as KServe and Triton speak it: ``/v2/…`` (``protocols.open_inference``).

A request's way through the rooms::

    app        routes
    gate       ids, limits, errors as JSON, capture on the side
    protocols  bytes → images (H, W, 3), and outputs → bytes
    endpoint   resized by the model's contract, into the queue
    batching   requests of many clients in one batch, one worker thread
    runtimes   the model

There is no management API: a server serves the one model it was started with, from a folder whose digests were
verified. Code inside an archive (``handlers``) runs only when the operator says ``--allow-code``.

``tensors`` records what the model computes, on the side; ``deploy`` keeps such a server running on this machine;
``client`` calls one, with retries; ``replay`` sends it a dataset.
"""
