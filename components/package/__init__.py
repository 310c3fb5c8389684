"""A trained model as one file that can be checked before anything in it is believed.

Three nouns, each with its room:

* :mod:`components.package.description`: ``model.json``, what the model is, what it answers and how to feed it.
* :mod:`components.package.weights`: safetensors, read by a checker that refuses whatever else is in the file;
  :mod:`components.package.params` and :mod:`components.package.symbol` are the same for MXNet's two files.
* :mod:`components.package.archive`: ``model.tar.gz``, deterministic, with a manifest of digests; ``pack``,
  ``verify``, ``unpack`` and ``Package``, which hands out verified bytes only.

::

    manifest = pack(Path("trained"), Path("model.tar.gz"))
    verify(Path("model.tar.gz"), digest=manifest.digest)
    unpack(Path("model.tar.gz"), Path("model"), digest=manifest.digest)

    package = Package(Path("model"), digest=manifest.digest)
    description = ModelDescription.from_bytes(package.read("model.json"))
    tensors = weights.load_numpy(package.read(description.weights))

The format on disk is specified in this folder's README.md.
"""
