"""The same pictures and objects as Pascal VOC and as COCO would have them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = (60, 40)
# By picture: class, x1, y1, x2, y2 our way, and the flag of either format.
Objects = Mapping[str, Sequence[tuple[str, int, int, int, int, bool]]]
OBJECTS: Objects = {
    "a1": [("dog", 0, 0, 60, 40, False), ("cat", 5, 6, 20, 30, True)],
    "a2": [("cat", 10, 10, 11, 11, False)],
    "a3": [],
    "b1": [("dog", 1, 2, 3, 4, False), ("dog", 30, 20, 59, 39, True), ("owl", 7, 8, 50, 12, False)],
    "b2": [("owl", 0, 39, 60, 40, False)],
}


def picture(name: str, kind: str = "JPEG", orientation: int = 1, size: tuple[int, int] = SIZE) -> bytes:
    pixels = np.random.default_rng([*name.encode()]).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(buffer, kind, exif=exif)
    return buffer.getvalue()


def voc_xml(objects: Sequence[tuple[str, int, int, int, int, bool]], size: tuple[int, int] = SIZE) -> str:
    parts = [
        f"<object><name>{label}</name><pose>Left</pose><truncated>1</truncated><difficult>{flag:d}</difficult>"
        "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
        f"<bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}.0</xmax><ymax>{y2}</ymax></bndbox></object>"
        for label, x1, y1, x2, y2, flag in objects
    ]
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><folder>VOC</folder><filename>else.jpg</filename>{told}{''.join(parts)}</annotation>"


def voc(base: Path, sets: Mapping[str, Sequence[str]] | None = None, objects: Objects = OBJECTS) -> Path:
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    for name, of in objects.items():
        (base / "Annotations" / f"{name}.xml").write_text(voc_xml(of))
        (base / "JPEGImages" / f"{name}.jpg").write_bytes(picture(name))
    for part, names in (sets or {}).items():
        (base / "ImageSets" / "Main" / f"{part}.txt").write_text("".join(f"{name}\n" for name in names))
        (base / "ImageSets" / "Main" / f"dog_{part}.txt").write_text("".join(f"{name}  -1\n" for name in names))
    return base


def coco_json(objects: Objects = OBJECTS) -> dict[str, Any]:
    ids = {"dog": 18, "cat": 3, "owl": 90}
    images = [{"id": i, "file_name": f"{n}.jpg", "width": SIZE[0], "height": SIZE[1]} for i, n in enumerate(objects, 7)]
    annotations = [
        {"id": 1, "image_id": i, "category_id": ids[c], "bbox": [x, y, x2 - x, float(y2 - y)], "iscrowd": int(flag)}
        for i, of in enumerate(objects.values(), 7)
        for c, x, y, x2, y2, flag in of
    ]
    categories = [{"id": key, "name": label, "supercategory": "animal"} for label, key in ids.items()]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def coco(base: Path, parts: Mapping[str, Sequence[str]]) -> Path:
    (base / "annotations").mkdir(parents=True)
    for part, names in parts.items():
        of = {name: OBJECTS[name] for name in names}
        (base / "annotations" / f"instances_{part}.json").write_text(json.dumps(coco_json(of)))
        (base / "annotations" / f"captions_{part}.json").write_text("[]")
        (base / part).mkdir()
        for name in names:
            (base / part / f"{name}.jpg").write_bytes(picture(name))
    return base
