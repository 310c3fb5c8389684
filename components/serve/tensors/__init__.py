"""A served model's tensors, recorded beside the predictions: off unless asked for, sampled, and never waited for.

::

    server ── offer ── queue ── pipe ──► process ── decode, forward, backward ──► place (capture.hook's format)
              µs       64 MiB            nice 19, its own copy of the verified model

``settings``   what shall be recorded, and the file that changes it while the server runs.
``emitter``    ``TensorEmitter``: what the server offers its exchanges to; drops, never waits.
``recording``  the process, seen from the server.
``pipe``       what goes to the process and what comes back.
``process``    the process.
``recompute``  from a request's bytes to the tensors of a step.

Nothing is taken from the prediction itself: the process computes it again, from the request's bytes, with the same
verified weights and preprocessing. So a backward pass costs no prediction anything, and the batch that a request
happened to share is not in its tensors.
"""
