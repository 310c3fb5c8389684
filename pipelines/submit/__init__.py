"""Sends a pipeline to a cluster and follows it to its end.

``argo``, ``kfp``
    Send one, and look at it: to Argo Workflows through the Kubernetes API, to Kubeflow Pipelines through its own.
``runs``
    What both give: a run elsewhere that can be looked at.
``following``
    Looks until the end, shows each change, leaves when told to: the run goes on without its follower.
``reasons``
    What is behind a step that waits or failed, in words that say what to do.
``cluster``
    The client of the Kubernetes API, its errors as ours.
"""
