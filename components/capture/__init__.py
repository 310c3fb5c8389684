"""Capture: what the endpoint was asked and what it answered, as SageMaker's captureData JSON lines.

``record``   the format, both ways: ``Exchange``, ``encode``, ``decode``, ``sampled``, the key layout.
``writer``   ``CaptureWriter``: what the model server hands its exchanges to; it never waits.
``reader``   ``read``: the exchanges of a time window, streamed.
``payloads`` the images in a captured request; ``predictions``: the classes in a captured answer.
``window``   which records a stage reads: its arguments, and waiting for them.
``records``  the folder that the stage writes, read.
``hook``     ``TensorHook``: keeps what a torch module computes (imports torch).
``trial``    ``create_trial``: reads what hooks kept; the format is in ``tensors``.
``__main__`` the stage: a window of captured traffic as a dataset.

Behind the writer: ``frames`` (what goes through the pipe), ``process`` (the writer process), ``privacy`` and
``pictures`` (which take the metadata out of pictures), ``spool`` (the files it appends to), ``delivery`` (which moves
finished files to their place)::

    server ── offer ── queue ── pipe ──► process ── spool/….open ── rename ── spool/….jsonl ── delivery ──► place
              µs       64 MiB   1 MiB            appended at once   by time or size            file:// or s3://

Each arrow is bounded and each bound has a counter. A place that hangs fills the spool, a spool that hangs fills the
pipe and then the queue, and a full queue drops: ``offer`` returns False. Whoever is killed, the next writer process
finishes what it finds in the spool.
"""
