"""Numbers, texts and placeholders as the KFP launcher writes them."""

import json
import math
from decimal import Decimal

import pipeline_probes as probes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError, UnsupportedError
from pipelines.targets.local.artifacts import Artifact
from pipelines.targets.local.placeholders import Values
from pipelines.targets.local.values import EXACT, from_text, number_text, to_json, to_text, typed

numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-EXACT, EXACT) | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


# What Go prints for strconv.FormatFloat(x, 'f', -1, 64), and below for json.Marshal(x).
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (3, "3"),
        (-0.0, "-0"),
        (1e-05, "0.00001"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (5e-324, "0." + "0" * 323 + "5"),
        (123456789.5, "123456789.5"),
        (100.0, "100"),
        (1e23, "1" + "0" * 23),
    ],
)
def test_numbers_have_gos_text(value, text):
    assert number_text(value) == text


@given(numbers)
def test_a_numbers_text_is_exact_short_and_without_exponent(value):
    text = number_text(value)
    assert float(text) == value
    assert "e" not in text.lower()
    digits = Decimal(text).normalize().as_tuple().digits
    assert len(digits) <= 17
    assert digits == Decimal(repr(value)).normalize().as_tuple().digits


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e21, "1e+21"), (1e-7, "1e-7"), (1.5e-10, "1.5e-10"), (1e20, "1" + "0" * 20), (0.000001, "0.000001")],
)
def test_json_numbers_have_gos_text(value, text):
    assert to_json(value) == text


@given(plain)
def test_json_is_compact_and_says_the_same(value):
    text = to_json(value)
    # Go and JavaScript read every number as a double.
    assert json.loads(text, parse_int=float) == value
    assert text == to_json(json.loads(text, parse_int=float))


@given(st.dictionaries(st.text(), plain, max_size=4))
def test_json_does_not_depend_on_the_order_of_keys(value):
    assert to_json(dict(reversed(value.items()))) == to_json(value)


@given(st.lists(st.text(alphabet="<>&a\u2028é"), max_size=3))
def test_lists_on_a_command_line_are_safe_in_html_and_say_the_same(value):
    text = to_text(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="expected a finite number"):
        to_text([value])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", " a\n", " a\n"),
        ("NUMBER_INTEGER", "12\n", 12),
        ("NUMBER_DOUBLE", " 0.5 ", 0.5),
        ("BOOLEAN", "True\n", True),
        ("BOOLEAN", "0", False),
        ("LIST", "[1]", [1]),
        ("STRUCT", '{"a": 1}', {"a": 1}),
    ],
)
def test_output_files_are_read_as_the_launcher_reads_them(kind, text, value):
    assert from_text(text, kind) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("NUMBER_INTEGER", "1.5"),
        ("NUMBER_INTEGER", str(EXACT + 1)),
        ("NUMBER_DOUBLE", "nan"),
        ("BOOLEAN", "yes"),
        ("LIST", "{}"),
        ("STRUCT", "[" * 100_000),
    ],
)
def test_what_does_not_fit_the_type_is_refused(kind, text):
    with pytest.raises(InputError, match="expected"):
        from_text(text, kind)


@given(st.sampled_from(["NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "STRING"]), plain)
def test_a_value_that_fits_survives_the_way_through_text(kind, value):
    try:
        fitted = typed(value, kind)
    except InputError:
        return
    assert from_text(to_text(fitted), kind) == fitted


@given(st.text(), st.text())
def test_a_value_that_looks_like_a_placeholder_stays_as_it_is(before, value):
    values = Values(parameters={"a": value, "b": "{{$.inputs.parameters['a']}}"})
    assert values.fill("{{$.inputs.parameters['b']}}") == "{{$.inputs.parameters['a']}}"
    assert values.fill("<{{$.inputs.parameters['a']}}>") == f"<{value}>"


texts = st.text(alphabet="ab<ü", max_size=4)
structs = st.recursive(
    texts,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: {"Concat": items})
        | st.tuples(st.sampled_from(["there", "absent"]), inner, inner).map(
            lambda t: {"IfPresent": {"InputName": t[0], "Then": t[1], "Else": t[2]}}
        )
    ),
    max_leaves=6,
)


def meant(struct):
    if isinstance(struct, str):
        return struct
    if "Concat" in struct:
        return "".join(meant(item) for item in struct["Concat"])
    choice = struct["IfPresent"]
    return meant(choice["Then"] if choice["InputName"] == "there" else choice["Else"])


@given(structs)
def test_concat_and_ifpresent_nest_to_any_depth(struct):
    element = struct if isinstance(struct, str) else json.dumps(struct)
    assert Values(parameters={"there": "x"}).command([element]) == [meant(struct)]


def test_ifpresent_gives_several_arguments_or_none():
    element = json.dumps({"IfPresent": {"InputName": "a", "Then": ["--a", "{{$.inputs.parameters['a']}}"]}})
    assert Values(parameters={"a": 1.0}).command(["x", element]) == ["x", "--a", "1"]
    assert Values().command(["x", element]) == ["x"]


def test_artifacts_have_path_uri_and_metadata():
    artifact = Artifact("m", {}, "file:///models/m", {"n": 3.0})
    values = Values(artifacts={"m": [artifact]})
    filled = [values.fill(f"{{{{$.inputs.artifacts['m'].{part}}}}}") for part in ("path", "uri", "metadata['n']")]
    assert filled == ["/models/m", "file:///models/m", "3"]


@pytest.mark.parametrize(
    "unknown", ["{{$.workspace_path}}", "{{$.json_escape[1]}}", "{{$.inputs.artifacts['m'].size}}"]
)
def test_an_unknown_placeholder_is_refused(unknown):
    with pytest.raises(UnsupportedError, match="KFP's placeholders"):
        Values().fill(unknown)


def test_a_step_receives_what_kfp_would_give_it(run):
    ran = run(probes.everything_said)
    with_base, without = ran.value("say-all-2", "listed").split("\n"), ran.value("say-all", "listed").split("\n")
    assert without[:6] == [
        "0.00001",
        "3",
        "true",
        "1000000000000000000000",
        "[3,0.5]",
        '{"a":"ü","b":"\\u003c\\u0026\\u003e"}',
    ]
    assert without[6:8] == ["--none", "--tag=3-true"]
    assert with_base[6:9] == ["--base", "x", "--tag=3-true"]
    assert without[8] == str(ran.folder / "say-all" / "out" / "out")
