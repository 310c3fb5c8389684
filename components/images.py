"""Decoding with limits, and the preprocessing contract that travels with a model.

What the training saw, the server must see, and the explainer after it: so the resize, the scale and the
normalisation are data (``Preprocessing``) that are packed beside the weights, and everyone applies that.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.errors import ImageError, InputError, OversizeError

Pixels = NDArray[np.uint8]

# A list of what is allowed: Pillow also opens EPS (which starts ghostscript), PSD, TIFF and some forty others.
FORMATS = ("JPEG", "PNG", "PPM")

_JPEG = b"\xff\xd8\xff"
# Netpbm's own six. Pillow's PPM reader takes more: floats, whose 0 to 1 would all be black, and forms of its own.
_PNM = tuple(b"P%d" % number for number in range(1, 7))

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Limits(NamedTuple):
    """What is refused before a pixel is decoded.

    Attributes:
        bytes: Of the encoded image.
        pixels: Width times height.
        side: The longer side, in pixels.
    """

    bytes: int = 10 * 1024 * 1024
    pixels: int = 25_000_000
    side: int = 10_000


def decode(data: bytes, limits: Limits = Limits()) -> Pixels:  # noqa: B008 - a tuple of numbers cannot change
    """Returns an encoded image as ``(H, W, 3)`` uint8 RGB.

    JPEG, PNG and PNM are taken, the first frame of an animated PNG. Alpha is laid over black, 16 bits become 8,
    grey, palette and CMYK become RGB. The EXIF orientation is *not* applied: boxes and captured bytes refer to the
    pixels as they are stored.

    Raises:
        ImageError: The bytes are none of these formats, broken, or cut short.
        OversizeError: They are over the limits.
    """
    if len(data) > limits.bytes:
        raise OversizeError(f"expected an image of at most {limits.bytes} bytes, found {len(data)}")
    if data.startswith(_JPEG) and (pixels := _jpeg(data, limits)) is not None:
        return pixels
    try:
        with _pillow().open(io.BytesIO(data), formats=FORMATS) as image:
            if image.format == "PPM" and not data.startswith(_PNM):
                raise ImageError(f"expected PNM of whole numbers, P1 to P6, found {data[:6]!r}")
            _check_size(image.size, limits)
            return _rgb(image)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on hostile bytes
        found = "no bytes" if not data else f"{len(data)} bytes that are not ({type(error).__name__})"
        raise ImageError(f"expected a whole {', '.join(FORMATS)} image, found {found}") from None


def encode_png(image: Pixels) -> bytes:
    """Returns ``(H, W, 3)`` uint8 RGB as PNG; the same pixels give the same bytes."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become a model's input.

    The image is resized to ``(height, width)`` without keeping its aspect (a sign's crop is nearly square),
    scaled to [0, 1], normalised per channel, and laid out as ``(3, height, width)``.

    Attributes:
        height: Of the model's input, in pixels.
        width: Of the model's input, in pixels.
        mean: Of each channel in ``channel_order``, in [0, 1].
        std: Of each channel in ``channel_order``, over 0.
        channel_order: ``RGB`` or ``BGR``.
        interpolation: ``bilinear`` (with antialiasing when it shrinks, as Pillow does) or ``nearest``.
    """

    height: int
    width: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    channel_order: str = "RGB"
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        found = [*self._problems()]
        if found:
            raise InputError("preprocessing: " + "; ".join(found))

    def _problems(self) -> list[str]:
        sides = {"height": self.height, "width": self.width}
        problems = [
            f"expected {name} from 1 to 8192, found {side!r}"
            for name, side in sides.items()
            if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= 8192
        ]
        if not _three(self.mean, low=-math.inf):
            problems.append(f"expected three finite numbers as mean, found {self.mean!r}")
        if not _three(self.std, low=0.0):
            problems.append(f"expected three finite numbers over 0 as std, found {self.std!r}")
        if self.channel_order not in ("RGB", "BGR"):
            problems.append(f"expected RGB or BGR as channel_order, found {self.channel_order!r}")
        if self.interpolation not in ("bilinear", "nearest"):
            problems.append(f"expected bilinear or nearest as interpolation, found {self.interpolation!r}")
        return problems

    def resize(self, image: Pixels) -> Pixels:
        """Returns an ``(H, W, 3)`` uint8 RGB image as ``(height, width, 3)``; the same array when it fits already."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ImageError(f"expected uint8 pixels (H, W, 3), found {image.dtype} {image.shape}")
        if image.shape[:2] == (self.height, self.width):
            return image
        from PIL import Image

        method = Image.Resampling.BILINEAR if self.interpolation == "bilinear" else Image.Resampling.NEAREST
        resized = Image.fromarray(image).resize((self.width, self.height), method)
        return np.asarray(resized)

    def normalize(self, batch: Pixels) -> NDArray[np.float32]:
        """Turns uint8 RGB ``(batch, height, width, 3)`` into the float32 input ``(batch, 3, height, width)``."""
        scale, shift = self.scale_and_shift()
        ordered = batch if self.channel_order == "RGB" else batch[..., ::-1]
        planes = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), dtype=np.float32)
        normalized: NDArray[np.float32] = planes * scale[:, None, None] + shift[:, None, None]
        return normalized

    def scale_and_shift(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns ``scale, shift``, each ``(3,)``: ``(pixel / 255 - mean) / std`` is ``pixel * scale + shift``."""
        mean, std = np.asarray(self.mean), np.asarray(self.std)
        return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values; ``from_json`` of that is equal to it."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Preprocessing:
        """Reads what ``to_json`` wrote.

        Raises:
            InputError: A key is missing, unknown, or has a value that makes no sense.
        """
        if not isinstance(found, Mapping):
            raise InputError(f"preprocessing: expected an object, found {type(found).__name__}")
        known = [f.name for f in fields(cls)]
        unknown, missing = sorted(set(found) - set(known)), sorted({"height", "width"} - set(found))
        if unknown or missing:
            raise InputError(
                f"preprocessing: expected the keys {', '.join(known)}; unknown {unknown}, missing {missing}"
            )
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
        return cls(**given)


def _jpeg(data: bytes, limits: Limits) -> Pixels | None:
    """Returns the pixels of a sound colour JPEG in a third of Pillow's time; None for all that Pillow is to judge."""
    import simplejpeg

    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        if space not in ("YCbCr", "RGB"):
            return None
        _check_size((width, height), limits)
        # The slow transform and upsampling are Pillow's, to the bit. Strict: libjpeg only warns of a file cut short.
        return simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False, strict=True)
    except (ValueError, KeyError):  # the latter for 4:4:1, a subsampling that simplejpeg has no word for
        return None


@cache
def _pillow() -> Any:
    from PIL import Image

    # Its own bound on pixels, for which `Limits` stands here. Switched off once and not for each image: silencing its
    # warning around a decode would change the process's filters under the feet of the other decoding threads.
    Image.MAX_IMAGE_PIXELS = None
    return Image


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.pixels or max(size) > limits.side:
        raise OversizeError(
            f"expected at most {limits.pixels} pixels and {limits.side} on a side, found {width} × {height} pixels"
        )


def _rgb(image: Any) -> Pixels:
    from PIL import Image

    image.load()
    if image.mode.startswith("I;16") or image.mode == "I":
        return np.repeat((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba).convert("RGB"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _three(values: Sequence[float], low: float) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == 3
        and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) and v > low for v in values
        )
    )
