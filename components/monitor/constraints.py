"""``constraints.json``, both ways: what a baseline suggests and people may edit, in SageMaker's schema.

Source: Amazon SageMaker Developer Guide, "Schema for Constraints (constraints.json file)". What is read from it:

========================================================  =======================================================
``features[PredictedClass].completeness``                 the least share of records with a readable prediction
``features[Confidence].completeness``                     the least share of predictions with a score
``features[PredictedClass].string_constraints.domains``   the known classes
``monitoring_config.domain_content_threshold``            the largest share of predictions of other classes
``….distribution_constraints.comparison_threshold``       the largest distance of confidence and image properties
``….distribution_constraints.categorical_comparison_…``   the largest distance of class shares
``….distribution_constraints.perform_comparison``         Disabled: no comparison with the baseline
a feature's ``monitoringConfigOverrides``                 its own ``comparison_threshold``, or ``Disabled``; also in the
                                                          SDK's spelling, ``monitoring_config_overrides``
========================================================  =======================================================

``comparison_method`` and ``categorical_drift_method`` are written and not read: the comparison is the robust one, a
two-sample test, and both categorical methods are always evaluated, as two rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import InputError
from components.monitor.grids import CLASS, CONFIDENCE, INTEGRAL
from components.monitor.intervals import wilson
from components.monitor.statistics import Statistics, order

_MOST_COMPLETE = 0.99
"""What a suggestion asks for at most: one unreadable record in a thousand is no news after a perfect baseline."""

_CONFIG = "monitoring_config"
_DISTRIBUTION = "distribution_constraints"
_OVERRIDES = ("monitoringConfigOverrides", "monitoring_config_overrides")
_SWITCH = {"enabled": True, "disabled": False}


@dataclass(frozen=True)
class Constraints:
    """What a check takes from ``constraints.json``.

    Attributes:
        completeness: By feature, the least share of values that are there.
        domains: The known classes.
        domain_content_threshold: The largest share of other ones.
        distances: By feature, the largest distance from the baseline; features that are not compared are left out.
    """

    completeness: Mapping[str, float]
    domains: frozenset[str]
    domain_content_threshold: float
    distances: Mapping[str, float]


def suggest(found: Statistics, distance: float = 0.1) -> dict[str, Any]:
    """Returns the ``constraints.json`` that a baseline suggests.

    A completeness is the lower end of the baseline's own 95 % Wilson interval, at most 0.99.
    """
    features: list[dict[str, Any]] = [
        {
            "name": CLASS,
            "inferred_type": "String",
            "completeness": _suggested(found.records - found.unreadable, found.records),
            "string_constraints": {"domains": sorted(found.classes, key=order)},
        }
    ]
    for name, histogram in found.histograms.items():
        of = found.predictions if name == CONFIDENCE else histogram.total
        feature = {
            "name": name,
            "inferred_type": "Integral" if name in INTEGRAL else "Fractional",
            "completeness": _suggested(histogram.total, of),
            "num_constraints": {"is_non_negative": True},
        }
        features += [feature] if histogram.total else []
    distribution = {
        "perform_comparison": "Enabled",
        "comparison_threshold": distance,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": distance,
        "categorical_drift_method": "LInfinity",
    }
    config = {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 0.1,
        "domain_content_threshold": 0.1,
        _DISTRIBUTION: distribution,
    }
    return {"version": 0, "features": features, _CONFIG: config}


def _suggested(there: int, of: int) -> float:
    interval = wilson(there, of, 0.95)
    return 0.0 if interval is None else min(_MOST_COMPLETE, math.floor(interval[0] * 1e4) / 1e4)


def read(found: Any) -> Constraints:
    """Returns what a check takes from ``constraints.json``.

    Raises:
        InputError: A threshold is missing or cannot be one; the message names it.
    """
    config = _object(found, _CONFIG)
    distribution = _object(config, _DISTRIBUTION)
    if not _enabled(config, "evaluate_constraints"):
        raise InputError(
            "evaluate_constraints: expected Enabled, found Disabled: a check that checks nothing is silence"
        )
    features = _features(found)
    if CLASS not in features:
        raise InputError(f"constraints.json: expected the feature {CLASS}, found {', '.join(features)[:200] or 'none'}")
    domains = _object(features[CLASS], "string_constraints").get("domains")
    if not isinstance(domains, list) or not all(isinstance(one, str | int) for one in domains):
        raise InputError(f"string_constraints.domains: expected a list of classes, found {str(domains)[:80]!r}")
    return Constraints(
        {name: share(one, "completeness", name) for name, one in features.items()},
        frozenset(str(one) for one in domains),
        share(config, "domain_content_threshold", below_one=True),
        dict(_distances(features, distribution)),
    )


def _distances(features: Mapping[str, Any], distribution: Mapping[str, Any]) -> list[tuple[str, float]]:
    usual = share(distribution, "comparison_threshold", below_one=True)
    categorical = (
        share(distribution, "categorical_comparison_threshold", below_one=True)
        if "categorical_comparison_threshold" in distribution
        else usual
    )
    general, listed = _enabled(distribution, "perform_comparison"), []
    for name, feature in features.items():
        own = _overrides(feature)
        on = _enabled(own, "perform_comparison") if "perform_comparison" in own else general
        limit = categorical if name == CLASS else usual
        if "comparison_threshold" in own:
            limit = share(own, "comparison_threshold", name, below_one=True)
        listed += [(name, limit)] if on else []
    return listed


def _overrides(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    places = [feature, feature.get("string_constraints") or {}, feature.get("num_constraints") or {}]
    for place in places:
        for name in _OVERRIDES:
            if isinstance(place, Mapping) and isinstance(found := place.get(name), Mapping):
                inner = found.get(_DISTRIBUTION)
                return {**found, **inner} if isinstance(inner, Mapping) else found
    return {}


def _features(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    listed = found.get("features")
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) and "name" in one for one in listed):
        raise InputError("constraints.json: expected a list of features with names, found something else")
    return {str(one["name"]): one for one in listed}


def _object(found: Any, name: str) -> Mapping[str, Any]:
    inner = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(inner, Mapping):
        raise InputError(f"constraints.json: expected the object {name}, found {type(inner).__name__}")
    return inner


def _enabled(found: Mapping[str, Any], name: str) -> bool:
    value = _SWITCH.get(str(found.get(name)).lower())
    if value is None:
        raise InputError(f"{name}: expected Enabled or Disabled, found {str(found.get(name))[:40]!r}")
    return value


def share(found: Mapping[str, Any], name: str, of: str = "", *, below_one: bool = False) -> float:
    """Returns a threshold.

    Raises:
        InputError: It is missing, no number, or not in [0, 1], or 1 where nothing can pass 1.
    """
    value, shown = found.get(name), f"{of}.{name}" if of else name
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= 1
        or (below_one and value == 1)
    ):
        wanted = "from 0 to below 1" if below_one else "from 0 to 1"
        raise InputError(f"{shown}: expected a number {wanted}, found {str(value)[:40] if name in found else 'none'}")
    return float(value)
