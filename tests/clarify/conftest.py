"""The toys can be imported by every test here, and scikit-image without the warnings of what it imports."""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

with warnings.catch_warnings():
    # Of the detector's environment: old packages of which scikit-image only looks whether they are there.
    warnings.simplefilter("ignore")
    import skimage.segmentation  # noqa: F401
