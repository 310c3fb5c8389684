"""Folders of cut-outs: individuals are dealt to the splits, and every picture that is no cut-out is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from components.data.scenes.cut_outs import read_cut_outs
from components.data.scenes.files import listed
from components.data.scenes.stock import CutOutStock
from components.errors import DatasetError
from tests.scenes.cut_out_copy import blob, folder


def read(place: Path, *classes: str, seed: int = 0) -> CutOutStock:
    return read_cut_outs(listed(str(place)), classes=classes, seed=seed, longest=77)


def shown(stock: CutOutStock) -> dict[str, list[set[bytes]]]:
    return {s: [{cut.levels[0].tobytes() for cut in of} for of in stock.cut_outs[s]] for s in stock.cut_outs}


def test_the_individuals_of_a_class_are_dealt_to_the_splits(tmp_path: Path) -> None:
    stock = read(folder(tmp_path, {"dog": 10, "bear": 3}))
    assert (stock.labels, stock.notes) == (("bear", "dog"), ())
    found = shown(stock)
    assert [len(of) for of in found["train"]] == [1, 7]
    assert [len(of) for of in found["validation"]] == [1, 1]
    assert [len(of) for of in found["test"]] == [1, 2]
    for class_id in (0, 1):
        assert not found["train"][class_id] & found["test"][class_id]
        assert not found["train"][class_id] & found["validation"][class_id]


def test_too_few_individuals_are_told(tmp_path: Path) -> None:
    stock = read(folder(tmp_path, {"one": 1, "two": 2}))
    assert stock.notes == (
        "one: one individual, which train, validation and test all show",
        "two: 2 individuals, so that validation shows those of train; test has its own",
    )
    found = shown(stock)
    assert found["train"][0] == found["validation"][0] == found["test"][0] != set()
    assert found["train"][1] == found["validation"][1] != found["test"][1]


def test_a_copy_of_a_cut_out_is_no_second_individual_even_mirrored(tmp_path: Path) -> None:
    place = folder(tmp_path, {"dog": 1})
    image = blob(1)
    image.save(place / "dog" / "again.webp", lossless=True)
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(place / "dog" / "mirrored.png")
    assert read(place).notes == ("dog: one individual, which train, validation and test all show",)


def test_classes_are_taken_in_the_order_that_was_asked(tmp_path: Path) -> None:
    place = folder(tmp_path, {"ant": 1, "bee": 1, "cow": 1})
    assert read(place, "cow", "ant").labels == ("cow", "ant")


def test_another_seed_deals_differently(tmp_path: Path) -> None:
    place = folder(tmp_path, {"dog": 12})
    assert shown(read(place)) == shown(read(place))
    assert any(shown(read(place))["test"] != shown(read(place, seed=seed))["test"] for seed in (1, 2, 3))


def test_grey_and_palette_pictures_with_transparency_are_cut_outs_too(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    blob(1).convert("LA").save(tmp_path / "dog" / "grey.png")
    palette = blob(2).quantize(16)
    assert palette.mode == "P"
    palette.save(tmp_path / "dog" / "palette.png")
    assert sum(len(of[0]) for of in shown(read(tmp_path)).values()) >= 2


def test_every_picture_that_is_no_cut_out_is_named(tmp_path: Path) -> None:
    place = folder(tmp_path, {"dog": 1, "empty": 0})
    (place / "empty" / "readme.txt").write_text("nothing here")
    blob(1).convert("RGB").save(place / "dog" / "flat.png")
    blob(1).convert("RGB").save(place / "dog" / "photo.jpg")
    Image.new("RGBA", (40, 40), (1, 2, 3, 255)).save(place / "dog" / "opaque.png")
    whole = (place / "dog" / "dog0.png").read_bytes()
    (place / "dog" / "broken.png").write_bytes(whole[: len(whole) // 2])
    (place / "dog" / "lying.png").write_bytes(b"GIF89a" + bytes(50))
    (place / "dog" / "notes.txt").write_text("left alone")
    (place / "dog" / "._hidden.png").write_bytes(b"")
    with pytest.raises(DatasetError) as caught:
        read(place, "dog", "empty", "owl")
    for message in (
        "owl: expected a sub-folder of that name, found none",
        "dog/flat.png: expected an alpha channel, found a picture of mode RGB",
        "dog/photo.jpg: expected PNG or WebP, found .jpg",
        "dog/opaque.png: expected transparent surroundings",
        "dog/broken.png: expected a whole PNG or WebP",
        "dog/lying.png: expected a whole PNG or WebP, found 56 bytes",
        "empty: expected PNG or WebP cut-outs, found none",
    ):
        assert message in str(caught.value)
    assert "notes" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_place_without_sub_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a folder with files, found none"):
        read(tmp_path)
    blob(1).save(tmp_path / "dog.png")
    with pytest.raises(DatasetError, match="expected one sub-folder a class, found none"):
        read(tmp_path)
