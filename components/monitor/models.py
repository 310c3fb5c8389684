"""Whether a window was answered by the model that its baseline is of.

Each model has its own shares of classes and its own scores, so a distance between the answers of two models says
nothing about the traffic. A window that another model answered altogether is therefore no window of this baseline. One
that several answered, as when a new model is rolled out in its middle, is judged, and it is a violation that records of
others are among its own. Records and baselines that name no model, as SageMaker's do not, are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from components.errors import InputError
from components.monitor.settings import Settings
from components.monitor.statistics import Statistics
from components.report.verdicts import OK, VIOLATED, Finding

OTHER_MODEL = "other_model"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHORT = 19  # characters: with its first twelve digits, which a server calls the model's version
_MOST = 4  # models that a text names


def check(window: Statistics, baseline: Statistics, settings: Settings) -> None:
    """Returns if the window may be compared with the baseline.

    Raises:
        InputError: All of its records name other models than the baseline's do, and nobody allowed it.
    """
    others = _others(window, baseline)
    if settings.allow_other_model or not others or sum(others.values()) < window.records:
        return
    raise InputError(
        f"expected records of the model that the baseline is of, {_names(baseline.models)}, found {window.records} of "
        f"{_names(others)}: make a baseline of these, or compare with another model's by --allow-other-model true"
    )


def findings(window: Statistics, baseline: Statistics, settings: Settings) -> list[Finding]:
    """Returns what the rule found; nothing where the window or the baseline names no model."""
    if not (window.models and baseline.models):
        return []
    others = _others(window, baseline)
    part, whole = sum(others.values()), window.records
    unnamed = whole - sum(window.models.values())
    text = f"{part} of {whole} records were answered by another model than the baseline's, {_short(baseline.models)}"
    if others:
        text += ": " + _listed([f"{count} by {_short([name])}" for name, count in others.items()])
    if unnamed:
        text += f"; {unnamed} name no model"
    details = {
        **{"part": part, "models": dict(window.models), "baseline_models": dict(baseline.models)},
        **{"other_models": list(others), "unnamed": unnamed},
    }
    verdict = VIOLATED if part and not settings.allow_other_model else OK
    threshold = 1.0 if settings.allow_other_model else 0.0
    # Not an estimate of anything: each record says so or does not.
    return [
        Finding(
            OTHER_MODEL, verdict, part / whole, threshold, None, settings.confidence, whole, None, None, text, details
        )
    ]


def _others(window: Statistics, baseline: Statistics) -> Mapping[str, int]:
    """Returns the window's records by those models that the baseline does not name; none where it names none."""
    return {name: n for name, n in window.models.items() if name not in baseline.models} if baseline.models else {}


def _names(models: Iterable[str]) -> str:
    return _listed([_shown(name) for name in models])


def _short(models: Iterable[str]) -> str:
    return _listed([f"{name[:_SHORT]}…" if _DIGEST.fullmatch(name) else _shown(name) for name in models])


def _shown(name: str) -> str:
    return name if _DIGEST.fullmatch(name) else repr(name[:80])  # records may be anybody's


def _listed(texts: list[str]) -> str:
    more = len(texts) - _MOST
    return ", ".join(texts[:_MOST]) + (f" and {more} more" if more > 0 else "")
