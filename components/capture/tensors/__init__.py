"""What a model computed, step by step, as files; behind ``capture.hook`` (writes) and ``capture.trial`` (reads).

``files``    the format: names of files and what they say, ``Mode``, ``Key``.
``names``    names of tensors, and which are near to one that is not there.
``writing``  ``StepWriter``: NumPy arrays or raw bytes into the files of one writer.
``reading``  ``Layout``: the checked header of a file, and one tensor of it.
``index``    ``Index``: which steps there are, from listings alone.
``steps``    ``Step``: a step's number that knows whose it is.
``plan``     what a dry run tells.
``modules``  which names a module's tensors can have (imports torch).
``recorder`` what the hook keeps during one step (imports torch).
"""
