"""A condition means in Argo what it means on one machine, for every condition that can be said."""

from __future__ import annotations

import argo_expressions
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.targets.argo import conditions, values
from pipelines.targets.local import conditions as local
from pipelines.targets.local.values import to_text

KINDS = {"s": "STRING", "t": "STRING", "n": "NUMBER_INTEGER", "x": "NUMBER_DOUBLE", "b": "BOOLEAN"}

texts = st.text(alphabet="ab'\"\\{}?:$é\n 1", max_size=6)
whole = st.integers(-3, 3) | st.integers(-(2**53), 2**53)
numbers = st.floats(-4, 4).map(lambda x: round(x, 3)) | st.floats(allow_nan=False, allow_infinity=False)
runs = st.fixed_dictionaries({"s": texts, "t": texts, "n": whole, "x": numbers, "b": st.booleans()})


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def given_as(name: str) -> st.SearchStrategy[str]:
    return st.just(f"inputs.parameter_values['{name}']")


words = st.one_of(given_as("s"), given_as("t"), texts.map(literal), given_as("s").map("string({})".format))
counted = st.one_of(
    given_as("n"),
    given_as("x"),
    st.integers(-9, 99).map(str),
    st.sampled_from(["0.5", "-2.25", "1e3"]),
    given_as("n").map("int({})".format),
    given_as("n").map("double(int({}))".format),
    given_as("x").map("double({})".format),
)
flags = given_as("b") | st.sampled_from(["true", "false"])
orders, equal = st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.sampled_from(["==", "!="])
anything = words | counted | flags
comparisons = st.one_of(
    st.tuples(words, orders, words), st.tuples(counted, orders, counted), st.tuples(anything, equal, anything)
).map(" ".join)
whole_conditions = st.recursive(
    comparisons | given_as("b"),
    lambda inner: st.one_of(
        inner.map("!({})".format),
        st.tuples(inner, st.sampled_from([" && ", " || "]), inner).map(lambda parts: "({}{}{})".format(*parts)),
    ),
    max_leaves=5,
)


def in_argo(condition: str, run: dict[str, object]) -> bool:
    known = {name: values.parameter("inputs", "parameters", name, kind=kind) for name, kind in KINDS.items()}
    given = {name: to_text(value) for name, value in run.items()}
    said = argo_expressions.fill(conditions.when(condition, known), {"inputs": {"parameters": given}})
    assert said in ("true", "false"), said
    return said == "true"


@given(whole_conditions, runs)
@example("inputs.parameter_values['b'] != true", {"s": "", "t": "", "n": 0, "x": 0.0, "b": False})
@example("true == inputs.parameter_values['b']", {"s": "", "t": "", "n": 0, "x": 0.0, "b": False})
def test_argo_decides_as_one_machine_does(condition, run):
    assert in_argo(condition, run) == local.evaluate(condition, run)
