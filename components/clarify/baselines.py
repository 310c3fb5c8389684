"""What an absent segment shows: pixels of a picture, or of noise, blur or mean made for the picture at hand.

=============  ========================================================================================
``noise``      every value drawn from 0 to 255, the default of Clarify's jobs; from the seed and the size
``blur``       the picture itself, blurred until its shapes are gone
``mean``       its mean colour
a picture      of any size and mode, stretched to the size at hand
=============  ========================================================================================

Noise has the size at hand and is not stretched: a picture of noise that is enlarged, as the AWS sample's of 200 × 200
pixels is, becomes blotches as large as objects.
"""

from __future__ import annotations

import numpy as np

from components.clarify.pictures import resized
from components.errors import InputError
from components.images import Pixels

KINDS = ("noise", "blur", "mean")

_BLUR = 0.1  # of the longer side: the deviation of the Gaussian


def make(baseline: str | Pixels, image: Pixels, seed: int) -> Pixels:
    """Returns the baseline ``(H, W, 3)`` for a picture of that size.

    Args:
        baseline: One of ``KINDS``, or a picture ``(h, w, 3)`` uint8 RGB.
        image: The picture that is explained.
        seed: Of the noise.

    Raises:
        InputError: The kind is not known.
    """
    if isinstance(baseline, np.ndarray):
        return resized(baseline, *image.shape[:2])
    if baseline == "noise":
        return np.random.default_rng(seed).integers(0, 256, image.shape, np.uint8)
    if baseline == "mean":
        return np.broadcast_to(np.rint(image.mean(axis=(0, 1))).astype(np.uint8), image.shape).copy()
    if baseline == "blur":
        return _blurred(image)
    raise InputError(f"expected a picture or {', '.join(KINDS)} as the baseline, found {str(baseline)[:80]!r}")


def _blurred(image: Pixels) -> Pixels:
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(_BLUR * max(image.shape[:2]))))
