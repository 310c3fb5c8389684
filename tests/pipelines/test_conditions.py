"""The evaluator of conditions against an oracle: random conditions whose value is known from how they were made."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError, UnsupportedError
from pipelines.targets.local.conditions import check, evaluate

PARAMETERS = {"n": 3, "x": 0.5, "t": "good", "yes": True, "no": False, "é-1": "a && b"}
SIGNS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

inputs = st.sampled_from(sorted(PARAMETERS))


def reference(name):
    return f"inputs.parameter_values['{name}']"


numbers = st.one_of(
    st.integers(-9, 9).map(lambda n: (str(n), n)),
    st.floats(-9, 9).map(lambda x: (repr(x), x)),
    st.sampled_from(
        [
            (reference("n"), 3),
            (reference("x"), 0.5),
            (f"int({reference('n')})", 3),
            ("int(2.9)", 2),
            ("double('1e1')", 10),
        ]
    ),
)
texts = st.one_of(
    st.text(alphabet="ab&|()=! ", max_size=5).map(lambda t: (f"'{t}'", t)),
    st.sampled_from(
        [(reference("t"), "good"), (reference("é-1"), "a && b"), ("string(3.0)", "3"), ("'it\\'s'", "it's")]
    ),
)
compared = st.tuples(
    st.sampled_from(sorted(SIGNS)), st.one_of(st.tuples(numbers, numbers), st.tuples(texts, texts))
).map(lambda t: (f"{t[1][0][0]} {t[0]} {t[1][1][0]}", SIGNS[t[0]](t[1][0][1], t[1][1][1])))
truths = st.sampled_from([("true", True), ("false", False), (reference("yes"), True), (reference("no"), False)])
conditions = st.recursive(
    compared | truths,
    lambda inner: st.one_of(
        inner.map(lambda c: (f"!({c[0]})", not c[1])),
        st.tuples(inner, inner).map(lambda t: (f"({t[0][0]}) && ({t[1][0]})", t[0][1] and t[1][1])),
        st.tuples(inner, inner).map(lambda t: (f"({t[0][0]}) || ({t[1][0]})", t[0][1] or t[1][1])),
    ),
    max_leaves=6,
)


@given(conditions)
def test_a_condition_has_the_value_it_was_made_with(condition):
    text, value = condition
    check(text)
    assert evaluate(text, PARAMETERS) is value


@given(compared, compared, compared)
def test_and_binds_closer_than_or(a, b, c):
    text = f"{a[0]} || {b[0]} && {c[0]}"
    assert evaluate(text, PARAMETERS) is (a[1] or (b[1] and c[1]))


@given(st.text(alphabet="abni'\"()&|!=<> .0", max_size=20))
def test_any_text_is_decided_or_refused_never_more(text):
    try:
        evaluate(text, PARAMETERS)
    except (UnsupportedError, InputError):
        return


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inputs.parameter_values['n'] ==",
        "'a' == 'b' == 'c'",
        "__import__('os')",
        "inputs.parameter_values['n'].x == 1",
        "n == 1",
        "size('a') == 1",
        "'it's' == 'x'",
        "1 + 1 == 2",
        "'a' in ['a']",
        "'\\d' == 'x'",
        "true true",
    ],
)
def test_what_is_outside_the_subset_is_refused_before_a_run(text):
    with pytest.raises(UnsupportedError, match="expected a condition"):
        check(text)


def test_kinds_are_told_apart_as_in_cel():
    assert not evaluate("true == 1", {})
    assert evaluate("1 == 1.0", {})
    assert evaluate("'1' != 1", {})
    with pytest.raises(InputError, match="can be compared"):
        evaluate("'1' < 2", {})


def test_what_is_not_needed_is_not_looked_at():
    assert not evaluate("false && inputs.parameter_values['absent'] == 1", {})
    assert evaluate("true || inputs.parameter_values['absent'] == 1", {})
    with pytest.raises(InputError, match="absent"):
        evaluate("inputs.parameter_values['absent'] == 1", {})
