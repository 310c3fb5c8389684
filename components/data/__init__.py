"""The stage ``data``, and the dataset format it owns.

A dataset is a folder, the same whether its signs were photographed or rendered::

    images/00014/00003_00007.png    class 14, its track 3, frame 7 of that track
    index.parquet                   one row an image: class, track, box, split, sha256
    dataset.json                    name, source, seed, labels, counts, digest

``dataset``
    Writes, reads and verifies the folder. Whoever reads a dataset reads it through this.
``classes``
    The 43 classes of the German Traffic Sign Recognition Benchmark (GTSRB).
``splits``
    Train, validation and test by track: the frames of one sign never fall on two sides.
``gtsrb``
    Reads the real GTSRB from a folder or mirror, in the layouts it is published in.
``rendered``
    Makes a dataset with the project's own renderer, ``signs``, where the real one is not at hand.
``sheet``
    A page with samples of every class, for people.
``scenes``
    A stage of its own, ``data.scenes``: pictures with objects and their boxes, for detectors.
"""
