"""Whatever the texts are: a page stays well-formed, keeps its elements, loads nothing, and shows what it was given."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
from collections.abc import Callable

import pytest
from hostile_texts import HOSTILE
from hypothesis import example, given
from hypothesis import strategies as st
from page_reading import read_page
from report_artifacts import picture

from components.report.bands import BandChart
from components.report.blocks import (
    Badge,
    Bars,
    Block,
    Cell,
    Columns,
    Figure,
    Figures,
    Folded,
    Heading,
    NoPicture,
    Panel,
    Picture,
    PictureGrid,
    Share,
    Step,
    Story,
    Strip,
    Table,
    Text,
)
from components.report.charts import LineChart, ticks
from components.report.lineage import Check, Checks, Lineage, Link
from components.report.markup import LONGEST, image_uri, short, tag, visible
from components.report.matrix import Matrix, compact
from components.report.page import Page, Section
from components.report.tables import Lines

PNG = picture(1)

# A block for each way that a text can come into a page.
BLOCKS: dict[str, Callable[[str], Block]] = {
    "Text": Text,
    "quiet Text": lambda t: Text(t, quiet=True),
    "Heading": Heading,
    "Figures": lambda t: Figures([Figure(t, t, t, t)]),
    "Table": lambda t: Table((t, t), [(t, t), (Text(t), 1.5)], t, code=frozenset({1})),
    "folded Table": lambda t: Table((t, t), [(t, 7)], t, numeric=frozenset({1}), folded=True),
    "cards": lambda t: Table((t, t), [(t, Cell(Lines(t, t), 7)), (t, Cell(t))], t, phone="cards"),
    "sides": lambda t: Table([t] * 8, [[t, *[Cell(Lines(t, t), 7)] * 7]], t, phone="cards sides"),
    "pairs": lambda t: Table((t, t), [(t, Cell(Share(0.5, t), 0.5)), (t, Cell(Badge(t, "good")))], t, phone="pairs"),
    "Panel": lambda t: Panel(t, [Text(t)], Badge(t, "bad")),
    "Folded": lambda t: Folded(t, [Text(t)]),
    "Story": lambda t: Story([Step(t, t, t), Step(t, t, t, "good")]),
    "Strip": lambda t: Strip(t, t, [Picture(PNG, t, (t,)), NoPicture(t, (t,))], t),
    "BandChart": lambda t: BandChart(t, [(0, 1.0, 0.9, 1.0), (8, 0.5, 0.4, 0.6)], t, t),
    "Picture": lambda t: Picture(PNG, t, (t, t)),
    "bare Picture": lambda t: Picture(PNG, t),
    "PictureGrid": lambda t: PictureGrid([Picture(PNG, t, (t,)), NoPicture(t, (t, t))], square=True),
    "Bars": lambda t: Bars((t, t), [(t, 0.25, t), (t, 0.75, t)], t),
    "Columns": lambda t: Columns([Text(t), Text(t)]),
    "Lineage": lambda t: Lineage([Link(t, t, t, t), Link(t, t, "sha256:" + "0" * 64, t)]),
    "Checks": lambda t: Checks([Check(t, True, t), Check(t, False, t)]),
    "Matrix": lambda t: Matrix([t, "other"], [[3, 1], [2, 5]]),
    "confusions": lambda t: Matrix([t, "other"], [[3, 1], [2, 5]]).table(),
    "classes": lambda t: Matrix([t, "other"], [[3, 1], [2, 5]]).classes(),
    "LineChart": lambda t: LineChart(t, [2.0, 1.0], over=t),
}


def page_of(text: str, make: Callable[[str], Block]) -> str:
    return Page(text, [Section(text, [make(text)], text)], [make(text)], text).render()


# Every text has a visible character: an empty one may leave an element out.
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), min_size=1, max_size=60).map(lambda t: f"T{t}"))


@pytest.mark.parametrize("name", BLOCKS)
@given(text=texts)
@example(text="<script>alert(1)</script>")
@example(text='"><img src=x onerror=alert(1)>')
@example(text="x" * 10_000)
def test_no_text_adds_or_closes_an_element_or_an_attribute(name: str, text: str) -> None:
    found, harmless = read_page(page_of(text, BLOCKS[name])), read_page(page_of("harmless", BLOCKS[name]))
    assert found.problems == harmless.problems == []
    assert found.skeleton == harmless.skeleton


@pytest.mark.parametrize("name", BLOCKS)
@given(text=texts)
def test_every_text_is_read_back_as_it_was_given_but_for_what_acts_instead_of_being_seen(name: str, text: str) -> None:
    found = read_page(Page("page", [Section("section", [BLOCKS[name](text)])]).render())
    shown = visible(text[:20]) if len(text) > 20 else visible(text)
    assert any(shown in part for part in [*found.texts, *found.values])


@given(st.text(st.characters()))
def test_visible_texts_hold_no_control_and_stay_as_they_are(text: str) -> None:
    shown = visible(text)
    assert not any(c in shown for c in "\x00\x1b\x7f\u202e\u2066\u200b\ufeff\n\r\t")
    assert visible(shown) == shown
    shown.encode("utf-8")


def test_a_text_that_turns_the_direction_of_writing_is_shown_as_a_code() -> None:
    assert visible("Stop \u202egnp.exe") == "Stop \\u202egnp.exe"


def test_ten_thousand_characters_are_shortened_and_their_number_is_told() -> None:
    assert short("x" * 10_000) == "x" * 80 + "… (10,000 characters)"
    assert len(Text("x" * 10_000).render()) < LONGEST + 100


def test_the_policy_forbids_loading_and_every_script_but_the_page_s_own() -> None:
    document = Page("Title", []).render()
    policy = document.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    (script,) = re.findall(r"<script>(.*?)</script>", document, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest}'; img-src data:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_the_same_blocks_give_the_same_bytes(name: str) -> None:
    assert page_of("Stop", BLOCKS[name]) == page_of("Stop", BLOCKS[name])


def test_contents_lead_to_the_sections() -> None:
    document = Page("Title", [Section("One", []), Section("Two", [])]).render()
    for i in (1, 2):
        assert f'href="#section-{i}"' in document
        assert f'id="section-{i}"' in document
    assert read_page(document).headings() == ["One", "Two"]


def test_every_picture_has_an_alternative_and_every_head_of_a_table_its_scope() -> None:
    found = read_page(page_of("Stop", lambda t: Columns([make(t) for make in BLOCKS.values()])))
    assert [tag for tag in found.skeleton if tag[0] == "img" and "alt" not in tag] == []
    assert [tag for tag in found.skeleton if tag[0] == "th" and "scope" not in tag] == []
    drawings = [tag for tag in found.skeleton if tag[0] == "svg"]
    assert drawings
    assert [tag for tag in drawings if not {"aria-label", "aria-hidden"} & set(tag)] == []


def test_pictures_are_png_or_jpeg_and_nothing_else() -> None:
    assert 'src="data:image/jpeg;base64,' in Picture(picture(2, "JPEG"), "x").render()
    with pytest.raises(ValueError, match="expected PNG or JPEG"):
        Picture(b"<svg onload='alert(1)'/>", "x").render()
    with pytest.raises(ValueError, match="expected image/png or image/jpeg"):
        image_uri(b"<svg/>", "image/svg+xml")


def test_attributes_are_written_under_the_names_that_html_and_svg_have() -> None:
    assert tag("text", 7, text_anchor="end", class_="n", hidden=True, title=None) == (
        '<text text-anchor="end" class="n" hidden>7</text>'
    )


@given(
    st.integers(1, 7).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 5000), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_the_numbers_in_the_matrix_are_its_counts(counts: list[list[int]]) -> None:
    matrix = Matrix([f"class {i}" for i in range(len(counts))], counts)
    found = read_page(Page("p", [Section("s", [matrix])]).render())
    assert found.problems == []
    told = {f"{i} class {i} → {j} class {j}: {n:,}" for i, row in enumerate(counts) for j, n in enumerate(row) if n}
    assert {text for text in found.texts if "→ " in text and ": " in text} == told
    cells = [compact(n) for row in counts for n in row if n]
    assert [t for t, after in zip(found.texts[1:], found.texts, strict=False) if after in told] == cells
    assert f"{matrix.right:,} of {matrix.total:,} images on the diagonal" in found.text
    errors = [(c.true, c.predicted, c.images) for c in matrix.confusions()]
    assert sum(counts[true][predicted] for true, predicted, _ in errors) == matrix.total - matrix.right
    assert all(images == sum(counts[true]) for true, _, images in errors)


def test_of_a_thousand_classes_those_with_errors_are_drawn() -> None:
    counts = [[5 if i == j else 0 for j in range(1000)] for i in range(1000)]
    counts[700][900] = 3
    matrix = Matrix([f"class {i}" for i in range(1000)], counts)
    document = matrix.render()
    assert "700 class 700 → 900 class 900: 3" in document
    assert "940 classes with fewer errors are not drawn" in document
    assert document.count("<rect") == 61


@given(st.integers(0, 10**12))
def test_counts_fit_into_their_cells(n: int) -> None:
    assert len(compact(n)) <= 5


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(2, 10))
def test_ticks_enclose_the_values_evenly(low: float, span: float, about: int) -> None:
    high = low + span
    found = ticks(low, high, about)
    distances = [b - a for a, b in itertools.pairwise(found)]
    rounding = 1e-8 * max(distances) + 1e-14 * max(abs(low), abs(high))
    assert 2 <= len(found) <= about + 3
    assert found[0] <= low + rounding
    assert found[-1] >= high - rounding
    assert min(distances) > 0
    assert max(distances) - min(distances) <= rounding


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_a_line_stays_inside_its_chart(values: list[float]) -> None:
    found = read_page(Page("p", [Section("s", [LineChart("loss", values)])]).render())
    assert found.problems == []
    document = LineChart("loss", values).render()
    points = [part.split('"')[0] for part in document.split('cy="')[1:]]
    assert len(points) == len(values) + 1
    assert all(0 <= float(y) <= 250 for y in points)


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.inf], [0.0] * 3000])
def test_a_chart_of_what_is_no_line_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected 1 to 2000 finite values"):
        LineChart("loss", values).render()
