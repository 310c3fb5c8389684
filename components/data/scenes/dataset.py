"""The scenes folder, a dataset for detectors: write it, read it, verify it.

::

    with ScenesWriter(folder, name="signs", source="composed", labels=("Stop", "Yield"), seed=1) as writer:
        writer.add(png, split="train", number=0, size=(128, 128), objects=[Thing(0, (9, 9, 60, 61))])

    scenes = read(folder)
    train = scenes.split("train")
    train.read_bytes(0), train.objects(0).boxes

The digest in ``dataset.json`` is the content's identity (``index.digest``): a model trained on the dataset records it.
"""

from components.data.scenes.index import Thing
from components.data.scenes.reading import Objects, Scenes, SceneSplit, read
from components.data.scenes.verification import verify
from components.data.scenes.writer import ScenesWriter

__all__ = ["Objects", "SceneSplit", "Scenes", "ScenesWriter", "Thing", "read", "verify"]
