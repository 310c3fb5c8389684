"""The rules on counts: verdicts, the rate of false alarms, and the power that a report states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from components.errors import InputError
from components.monitor import drift
from components.monitor.evaluate import evaluate
from components.monitor.intervals import wilson
from components.monitor.settings import TESTS, Settings
from components.monitor.shares import Share
from components.monitor.statistics import Statistics, Tally
from components.report.verdicts import NOT_ENOUGH_DATA, OK, VIOLATED
from tests.monitor.drawn import SHARES, suggested, window


@given(st.integers(1, 300), st.data(), st.floats(0.01, 0.99), st.booleans())
def test_a_share_is_judged_by_its_value_or_by_an_interval_on_one_side(
    whole: int, data: st.DataObject, threshold: float, least: bool
) -> None:
    part = data.draw(st.integers(0, whole))
    found = Share("a", part, whole, threshold, least).verdict(Settings())
    low, high = wilson(part, whole, 0.95) or (0, 1)
    wrong = part / whole < threshold if least else part / whole > threshold
    if whole >= 30 or not low <= threshold <= high:
        assert found == (VIOLATED if wrong else OK)
    else:
        assert found == NOT_ENOUGH_DATA


def test_one_of_one_is_not_enough_data_and_twenty_of_twenty_are() -> None:
    assert Share("a", 1, 1, 0.5).verdict(Settings()) == NOT_ENOUGH_DATA
    assert Share("a", 0, 0, 0.5).verdict(Settings()) == NOT_ENOUGH_DATA
    assert Share("a", 20, 20, 0.5).verdict(Settings()) == VIOLATED


def test_every_class_above_the_threshold_is_named() -> None:
    found = Statistics(records=100, predictions=100)
    found.classes = {str(i): Tally(i, None, n) for i, n in ((1, 45), (2, 40), (3, 15))}
    base = window(np.random.default_rng(0), 100)
    rules = {r.rule: r for r in evaluate(found, base, suggested(base), Settings(share_threshold=0.3)).rules}
    assert rules["over_predicted_class"].details["flagged_classes"] == ["1", "2"]
    assert rules["over_predicted_class"].value == 0.45


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_windows_from_the_baselines_distribution_alarm_as_rarely_as_is_stated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Thresholds of 0, so that nothing but the tests stands between chance and an alarm.
    settings = Settings(alpha=0.05, mix_effect_threshold=0.0, draws=1_999)
    alarms, trials = 0, 1_000
    for trial in range(trials):
        random = np.random.default_rng(trial)
        base, now = window(random, 200), window(random, 200)
        compared = list(drift.comparisons(now, base, suggested(base, 0.0), settings))
        assert len(compared) == TESTS
        alarms += any(one.violated for one in drift.findings(compared, now, replace(settings, seed=trial)))
    low, high = stats.binomtest(alarms, trials).proportion_ci(0.95, "wilson")
    with capsys.disabled():
        print(f"\nfalse alarms: {alarms} of {trials} ({low:.3f} to {high:.3f}), stated: at most 0.05")
    assert alarms <= stats.binom.ppf(0.999, trials, settings.alpha)


def test_with_the_usual_thresholds_small_clean_windows_do_not_alarm() -> None:
    alarms = 0
    for trial in range(40):
        random = np.random.default_rng([1, trial])
        base, now = window(random, 200), window(random, 200)
        alarms += any(rule.violated for rule in evaluate(now, base, suggested(base), Settings()).rules)
    assert alarms <= stats.binom.ppf(0.999, 40, 0.01)


def attacked() -> np.ndarray:
    shares = SHARES * 0.2
    shares[14] += 0.8
    return shares


@pytest.mark.parametrize("count", [12, 50, 200])
def test_four_fifths_stop_alarm_in_windows_of_any_size(count: int) -> None:
    for trial in range(4):
        random = np.random.default_rng([2, trial])
        base, now = window(random, 200), window(random, count, attacked())
        if now.classes["14"].count / count > 0.78:
            rules = {r.rule: r for r in evaluate(now, base, suggested(base), Settings()).rules}
            assert rules["over_predicted_class"].verdict == VIOLATED
            assert rules["over_predicted_class"].details["flagged_classes"] == ["14"]
            assert rules["class_mix_linf"].verdict == VIOLATED


@pytest.mark.slow
def test_what_the_power_table_states_is_seen_at_least_as_often(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(draws=1_999)
    first = window(np.random.default_rng(0), 400)
    stated = {one["rule"]: one["smallest"] for one in evaluate(first, first, suggested(first), settings).power}
    moved = np.array(SHARES)
    moved[3] += stated["class_mix_linf"]
    moved[np.arange(43) != 3] *= (1 - moved[3]) / (1 - SHARES[3])
    seen = {"class_mix_linf": 0, "brightness_drift": 0}
    for trial in range(60):
        random = np.random.default_rng([3, trial])
        # A shift of a uniform quantity by s is a distance of s.
        base, now = window(random, 400), window(random, 400, moved)
        for one, shift in ((base, 0.0), (now, stated["brightness_drift"] * 0.5)):
            one.histograms["Brightness"].counts[:] = 0
            one.histograms["Brightness"].total = 0
            one.histograms["Brightness"].add(random.uniform(0.1, 0.6, 400) + shift)
        rules = {rule.rule: rule for rule in evaluate(now, base, suggested(base), settings).rules}
        for name in seen:
            seen[name] += rules[name].violated
    with capsys.disabled():
        print(f"\nseen of 60 at the stated smallest change, stated 80 %: {seen}; {stated}")
    for count in seen.values():
        assert count >= stats.binom.ppf(0.001, 60, settings.power)


def test_the_stated_share_is_found_with_the_stated_power() -> None:
    base = window(np.random.default_rng(0), 200)
    for one in evaluate(base, base, suggested(base), Settings()).power[:3]:
        k = np.floor(
            {"over_predicted_class": 0.5, "low_confidence": 0.2, "unrelated_top_three": 0.1}[one["rule"]] * 200
        )
        assert stats.binom.sf(k, 200, one["smallest"]) == pytest.approx(0.8)


def test_an_equal_window_has_p_values_of_1_and_an_empty_one_says_so() -> None:
    base = window(np.random.default_rng(0), 200)
    assert {r.p_value for r in evaluate(base, base, suggested(base), Settings()).rules} == {None, 1.0}
    empty = evaluate(Statistics(), base, suggested(base), Settings())
    assert {rule.verdict for rule in empty.rules} == {NOT_ENOUGH_DATA}
    assert {one["smallest"] for one in empty.power} == {None}


def test_a_large_distance_in_a_small_window_is_neither_fine_nor_a_violation() -> None:
    base, now = window(np.random.default_rng(0), 200), window(np.random.default_rng(1), 8)
    rules = {r.rule: r for r in evaluate(now, base, suggested(base), Settings()).rules}
    assert rules["confidence_drift"].verdict == NOT_ENOUGH_DATA


def test_ten_million_records_that_differ_a_little_are_fine() -> None:
    base, now = Statistics(records=10**7, predictions=10**7), Statistics(records=10**7, predictions=10**7)
    base.classes = {str(i): Tally(i, None, 10**6) for i in range(10)}
    now.classes = {str(i): Tally(i, None, 10**6 + (50_000 if i % 2 else -50_000)) for i in range(10)}
    rules = {r.rule: r for r in evaluate(now, base, suggested(base), Settings()).rules}
    for name in ("class_mix_linf", "class_mix_chi_squared"):
        assert (rules[name].verdict, rules[name].p_value) == (OK, 1e-4)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 0.0, 1.0, 2, float("inf"), None, "0.5", True])
@pytest.mark.parametrize("name", ["share_threshold", "confidence_bound", "alpha", "confidence", "power"])
def test_a_threshold_that_cannot_be_is_an_error_that_names_it(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{name}: expected"):
        Settings(**{name: value})


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.0, None])
@pytest.mark.parametrize("name", ["low_confidence_threshold", "unrelated_threshold", "mix_effect_threshold"])
def test_so_is_one_that_nothing_passes(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{name}: expected"):
        Settings(**{name: value})


def test_too_few_draws_for_alpha_are_an_error() -> None:
    with pytest.raises(InputError, match=r"draws: expected at least 1099, or alpha = 0\.01 is out of reach, found 999"):
        Settings(draws=999)
    Settings(draws=1099)
