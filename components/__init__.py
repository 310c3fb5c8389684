"""What runs inside the containers: one folder per stage, and the ground they share.

Every stage is a plain program, ``python -m components.<stage>``, that takes each path and each
parameter as an argument and needs neither kfp nor a cluster nor the network. Its ``component.py``
is the KFP spec over that program and the only file of the stage that imports kfp.

The floors, from the ground up; an import only ever points down:

``errors``
    The exception tree, drawn at its top.
``storage``
    ``file://`` and ``s3://`` places, read and written one way.
``images``
    Decoding with limits; the preprocessing contract that travels with a model.
``artifacts``
    The stage contract: arguments in, artifacts out, ``executor_output.json``.
``data``, ``package``, ``capture``, ``report``
    The format owners: whoever reads a format reads it through them.
``fine_tune``, ``serve``
    The acting stages.
"""
