"""Which classes the model takes for which."""

from __future__ import annotations

from components.report import wording
from components.report.blocks import Block, Figure, Figures, Text
from components.report.matrix import Matrix
from components.report.page import Section


def section(matrix: Matrix) -> Section:
    """Returns the section."""
    errors = matrix.total - matrix.right
    kinds = len(matrix.confusions())
    images = f"{wording.count(matrix.right)} of {wording.count(matrix.total)} images"
    perfect = sum(row[i] == sum(row) > 0 for i, row in enumerate(matrix.counts))
    judged = sum(sum(row) > 0 for row in matrix.counts)
    blocks: list[Block] = [
        Figures(
            [
                Figure("Right", wording.of(matrix.right, matrix.total, 2), proof=images),
                Figure("Errors", wording.count(errors), proof=f"of {wording.count(kinds)} kinds"),
                Figure("Classes without an error", wording.count(perfect), proof=f"of {wording.count(judged)} judged"),
            ]
        ),
        matrix,
        matrix.table() if errors else Text("No image was taken for one of another class."),
        matrix.classes(),
    ]
    lead = "Each row is a true class, each column what the model said. Blue is right; red is taken for another class."
    return Section("Confusions", blocks, lead)
