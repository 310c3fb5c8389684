"""The description as a program: ``python -m components.serve openapi``, with the arguments of ``run``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from components.errors import RoadworthyError
from components.serve import openapi, program


def main(argv: Sequence[str]) -> int:
    """Prints the document that a server with these arguments would answer; returns the exit status."""
    parser = program.parser()
    parser.prog = "python -m components.serve openapi"
    parser.description = "Prints what a server with these arguments speaks, as OpenAPI 3.1; serves nothing."
    args = parser.parse_args(argv)
    try:
        document = openapi.describe(*program.served(args))
    except (RoadworthyError, OSError) as error:
        print(f"openapi: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 1
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()
    return 0
