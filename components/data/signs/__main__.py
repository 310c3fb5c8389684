"""Draws the sheets: ``python -m components.data.signs --sheet signs.png --photos frames.png``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from components.errors import RoadworthyError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status: 0, or 1 after one line that says what was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m components.data.signs", description="Draws sheets of the 43 signs."
    )
    parser.add_argument("--sheet", type=Path, help="PNG file for the clean signs")
    parser.add_argument("--photos", type=Path, help="PNG file for rendered frames")
    parser.add_argument("--columns", type=int, default=9, help="signs in a row (9)")
    parser.add_argument("--side", type=int, default=128, help="pixels along each sign (128)")
    parser.add_argument("--labels", action="store_true", help="write number and name under each sign")
    parser.add_argument("--seed", type=int, default=0, help="seed of the frames (0)")
    parser.add_argument("--track", type=int, default=0, help="which sign of each class the frames show (0)")
    args = parser.parse_args(arguments)
    if not args.sheet and not args.photos:
        parser.error("expected --sheet or --photos, found neither")
    try:
        _draw(args)
    except (RoadworthyError, OSError) as error:
        print(f"signs: {error}", file=sys.stderr)
        return 1
    return 0


def _draw(args: argparse.Namespace) -> None:
    from components.data.signs.sheets import contact_sheet, photo_sheet
    from components.whole import replacing

    look = {"columns": args.columns, "side": args.side, "labels": args.labels}
    if args.sheet:
        sheet = contact_sheet(**look)
        with replacing(args.sheet) as beside:
            sheet.save(beside, "PNG", optimize=True)
    if args.photos:
        photos = photo_sheet(**look, seed=args.seed, track=args.track)
        with replacing(args.photos) as beside:
            photos.save(beside, "PNG", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
