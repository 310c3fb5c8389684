"""The stage ``data.scenes``: pictures with objects and their boxes, for detectors, and the format they lie in.

::

    images/train/000007.jpg    number 7 of its split
    images.parquet             one row a picture: split, size, sha256
    objects.parquet            one row an object: class, box, difficult, crowd
    dataset.json               name, source, seed, labels, notes, counts, digest

``dataset``
    The front door: reads, writes and verifies the folder. ``reading``, ``writer``, ``verification``, ``index``,
    ``tables`` and ``description`` are its rooms.
``compose``
    Scenes with exact boxes. ``stock`` and ``cut_outs`` say what is pasted, ``cut_out`` how it is seen, ``layout``
    where it stands, ``backdrop`` what lies behind, ``photograph`` what a camera makes of it.
``voc``, ``coco``
    The user's own annotations, which ``conversion`` writes as such a folder; ``pictures`` makes them upright.
``sheet``
    A page with samples, their boxes drawn.
"""
