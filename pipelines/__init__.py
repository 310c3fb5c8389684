"""What chains the stages: the DAGs, and the targets they are compiled for.

A DAG is a module of this package with a ``@dsl.pipeline`` in it, written in the KFP DSL over the stages'
``component.py``. Compiled, it is KFP's intermediate representation (IR, schema 2.1.0), and that file is the contract:
the KFP UI takes it, and ``roadworthy run`` executes it on this machine. What is tested is what is submitted.

``registry``
    Finds the pipelines.
``parameters``
    A run's parameters, checked against the pipeline's.
``targets.kfp``, ``targets.ir``
    Compiles a pipeline to IR; reads IR back into typed views.
``targets.kfp_native``, ``targets.argo``
    Compile IR to the objects of a cluster; ``targets.images`` says where the images come from.
``targets.local``
    Executes IR, each step in its image's environment or container.
``submit``
    Sends a pipeline to a cluster and follows it to its end.
``cli``
    The program ``roadworthy``.
"""
