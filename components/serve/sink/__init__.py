"""The capture sink: KServe's CloudEvents in, this project's captured records out.

A model behind KServe is captured without a change to it: its InferenceService names the sink as its logger::

    spec: {predictor: {logger: {mode: all, url: "http://capture-sink.roadworthy.svc",
                                metadataHeaders: [X-Amzn-Sagemaker-Inference-Id, Inference-Header-Content-Length]}}}

An event's way through the rooms::

    program    the command line
    app        routes; ``serve.gate`` holds the limits and says errors as JSON
    events     binary or structured CloudEvent → Event
    contents   what the payload is: KServe tells a response's type wrong
    pairs      request and response of one id → one exchange
    endpoints  a ``capture.writer`` for each endpoint

What KServe's agent does, read in its source (kserve/kserve as of 2026, ``pkg/logger``: ``handler.go``, ``worker.go``,
``dispatcher.go``), and what follows from it here:

* The request is sent before the model is called, the response after it, each by whichever of several workers is free:
  they come in any order. Only responses with status 200 are sent, so a refused request stays alone.
* Both have the caller's ``Ce-Id``, or a uuid4 where it sent none, and one source, service, namespace, component and
  endpoint. A transformer and a predictor may log the same id; the component tells them apart.
* A response carries its *request's* Content-Type, and its ``metadata`` the request's headers.
* An event is sent once, without a retry, without a timeout before kserve#6148, and every event that waits is held in
  memory without a bound (kserve#6167): a slow sink would kill the model's pod. So the sink answers at once, always;
  where it has no room it says 503, which the agent logs and counts as failed. Only status 200 counts as delivered.
* Where ``url`` is a Knative broker, the broker delivers at least once, and retries after 503: duplicates are normal.

What waits for its other half waits in this process: both must reach the same replica. Run one, or set
``sessionAffinity: ClientIP`` on the Service, since an agent's pod has one address.
"""
