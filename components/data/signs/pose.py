"""Where the camera stands: the homography from the sign's plane to the picture."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.data.signs.art import VIEW, sign_art

Matrix = NDArray[np.float64]


class Pose(NamedTuple):
    """Rotation of the plate against the camera, in degrees, and its distance in half plates."""

    yaw: float
    pitch: float
    roll: float
    distance: float


@lru_cache(maxsize=64)
def outline(class_id: int) -> Matrix:
    """Points on the plate's edge in its own units, ``(n, 2)``, measured from its raster image."""
    side = 512
    inside = np.asarray(sign_art(class_id, side).getchannel("A")) >= 128
    rows = np.flatnonzero(inside.any(axis=1))
    left = inside[rows].argmax(axis=1)
    right = side - inside[rows][:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([left, rows + 0.5], 1), np.stack([right, rows + 0.5], 1)])
    return ends * (2 * VIEW / side) - VIEW


def plane_to_view(pose: Pose) -> Matrix:
    """Homography ``(3, 3)`` from the plate's units to the picture plane, up to scale and shift.

    The plate turns about its own centre (roll after pitch after yaw) and is seen by a pinhole camera
    in front of it: Hartley and Zisserman, "Multiple View Geometry", equation 8.1 for the plane Z = 0.
    """
    yaw, pitch, roll = (math.radians(angle) for angle in pose[:3])
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    turned = about_z @ about_x @ about_y
    view = turned.copy()
    view[:, 2] = (0, 0, 1)
    view[2, :2] /= 100 * pose.distance
    return view


def project(homography: Matrix, points: Matrix) -> Matrix:
    """Maps points ``(n, 2)`` through a homography."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


class View(NamedTuple):
    """A sign's place in its picture."""

    homography: Matrix
    """From the plate's units to pixels, whose centres lie at half integers."""
    width: int
    height: int
    box: tuple[int, int, int, int]
    """First and last column and row that the plate covers: ``x1, y1, x2, y2``, inclusive."""


def framed(class_id: int, pose: Pose, side: int, shift: tuple[float, float]) -> View:
    """Scales and shifts a pose so that sign and border fill a picture whose longer side is ``side``.

    The border is a tenth of the sign and at least 5 px on each side, as in GTSRB; ``shift`` (each
    −1 … 1) moves the sign within what the border has above that.
    """
    border = max(5.0, side / 12)
    points = project(plane_to_view(pose), outline(class_id))
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (side - 2 * border) / (high - low).max()
    size = np.maximum(np.rint((high - low) * scale + 2 * border), 48).astype(int)
    centre = size / 2 + np.asarray(shift) * (border - 5)
    move = centre - (low + high) / 2 * scale
    to_pixels = np.array([[scale, 0, move[0]], [0, scale, move[1]], [0, 0, 1]])
    corners = np.concatenate([low, high]) * scale + np.tile(move, 2)
    x1, y1 = np.rint(corners[:2]).astype(int).tolist()
    x2, y2 = (np.rint(corners[2:]).astype(int) - 1).tolist()
    return View(to_pixels @ plane_to_view(pose), int(size[0]), int(size[1]), (x1, y1, x2, y2))
