"""How much is tried: a little in ``make test``, much in ``make hostile``, and what was drawn can be drawn again.

========================  ===========  ==============  ==========================================
environment variable      in a test    in make hostile what it is
========================  ===========  ==============  ==========================================
``HOSTILE_EXAMPLES``      30           5000            examples of each property
``HOSTILE_KILLS``         2            24              kills of each program
``HOSTILE_CASES``         3            0               cases tried of each list; 0 is all of them
``HOSTILE_CONNECTIONS``   200          1000            connections at once, three in ten slow
``HOSTILE_SEED``          0            the clock's     of everything that is drawn
========================  ===========  ==============  ==========================================
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "30"))
KILLS = int(os.environ.get("HOSTILE_KILLS", "2"))
CASES = int(os.environ.get("HOSTILE_CASES", "3"))
CONNECTIONS = int(os.environ.get("HOSTILE_CONNECTIONS", "200"))
SEED = int(os.environ.get("HOSTILE_SEED", "0"))
LONG = KILLS > 2


def drawn(*name: object) -> random.Random:
    """Returns a source of chance of its own for each name; the same again with the same seed."""
    return random.Random(f"{SEED}/{'/'.join(map(str, name))}")


def some(cases: Sequence[Case], *name: object) -> list[Case]:
    """Returns as many of the cases as are to be tried, in their order."""
    if not CASES or len(cases) <= CASES:
        return [*cases]
    chosen = sorted(drawn("some", *name).sample(range(len(cases)), CASES))
    return [cases[i] for i in chosen]
