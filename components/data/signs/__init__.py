"""The project's own renderer of the 43 German traffic signs of GTSRB, for machines without the photographs.

Every sign is drawn here as vector art (no font, no foreign picture) and rasterised with resvg. A *frame* shows it as a
camera in a car does: worn, on its post, before a background, in some light, a little blurred and noisy. A *track* is
one physical sign, seen frame after frame while the car comes nearer, as in GTSRB::

    from components.data.signs import render_frame

    for frame in range(30):
        image, box = render_frame(14, track=3, frame=frame, seed=0, frames=30)  # a stop sign, 48 px growing to 160 px

What holds:

* ``render_frame`` is a pure function of its arguments. The order of the calls, the process and ``PYTHONHASHSEED``
  don't matter: each track and each frame has a random stream of its own (PCG64, seeded with the arguments).
* Each side of ``image`` has 48 to 160 px; along a track the longer one never shrinks.
* ``box`` lies inside, with at least 5 px around it, and is the plate's outline after projection: exact, not annotated.
* A person can read the sign in practically every frame: blur, dirt, shadow and leaves are kept moderate.

The rooms, from the ground up:

``randomness``, ``textures``
    Streams and seamless tiles.
``drawing``
    SVG from numbers.
``lettering``, ``arrows``, ``vehicles``, ``people``, ``nature``
    What the signs show.
``plates``, ``catalogue``, ``art``
    The signs, and their raster images.
``scenery``, ``wear``, ``pose``, ``camera``
    What lies behind, what the years did, from where it is seen, and with what.
``track``, ``frames``, ``sheets``
    The pictures.

``python -m components.data.signs --sheet signs.png --photos frames.png`` draws both sheets.
"""

from components.data.signs.art import sign_art
from components.data.signs.catalogue import CLASSES, sign_svg
from components.data.signs.frames import FRAMES, Rendered, render_frame
from components.data.signs.sheets import contact_sheet, photo_sheet
from components.data.signs.track import LARGEST, SMALLEST

__all__ = [
    "CLASSES",
    "FRAMES",
    "LARGEST",
    "SMALLEST",
    "Rendered",
    "contact_sheet",
    "photo_sheet",
    "render_frame",
    "sign_art",
    "sign_svg",
]
