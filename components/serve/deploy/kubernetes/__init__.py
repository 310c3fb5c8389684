"""Endpoints on a Kubernetes cluster: from what is wanted to objects, to a rollout that ends or is taken back.

``wanted`` says what an endpoint is, ``objects`` and ``pods`` render it as plain dicts (``python -m components.serve
manifests`` prints just these), ``cluster`` speaks with the API server, ``rollout`` waits and ``reasons`` says why it
takes long, ``endpoints`` applies, rolls back and removes, ``fields`` finds out what was applied before, ``upload`` puts
the archive where pods can fetch it, ``stage`` is what the programs call.
"""
