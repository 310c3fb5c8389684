"""Both stories on a cluster, sent by ``roadworthy submit``, run by Argo in containers to their reports."""

from __future__ import annotations

import json

import pytest
from cluster_room import Room
from cluster_story import Story, endpoints

STOP = 14

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class TestSigns:
    def test_every_step_ran_but_the_branch_not_taken(self, signs: Story) -> None:
        assert signs.workflow["status"]["phase"] == "Succeeded"
        others = {name: phase for name, phase in signs.phases().items() if phase != "Succeeded"}
        assert set(others.values()) == {"Skipped"}
        assert len(others) == 1

    def test_the_clean_window_is_calm_and_the_attacked_one_names_the_class(self, signs: Story) -> None:
        assert signs.value("check", "violated") == "false"
        assert signs.value("check-2", "violated") == "true"
        assert signs.value("check-2", "message").startswith("CompletedWithViolations:")
        found = f"{signs.place('check-2', 'results')}/constraint_violations.json"
        violations = json.loads(signs.texts(found)[found])["violations"]
        assert any(str(STOP) in one["description"] for one in violations)

    def test_what_was_flagged_is_explained_and_shown(self, signs: Story) -> None:
        summary = f"{signs.place('compare', 'explanations')}/summary.json"
        page = signs.place("report", "page")
        texts = signs.texts(summary, page)
        explained = json.loads(texts[summary])
        assert explained["counts"]["explained"] > 0
        assert explained["largest_residual"] <= explained["tolerance"]
        assert "Stop" in texts[page]
        assert texts[page].rstrip().endswith("</html>")


class TestBoxes:
    def test_every_step_ran(self, boxes: Story) -> None:
        assert set(boxes.phases().values()) == {"Succeeded"}

    def test_boxes_are_explained_and_shown(self, boxes: Story) -> None:
        analysis = f"{boxes.place('clarify', 'results')}/analysis.json"
        page = boxes.place("report-detection", "page")
        texts = boxes.texts(analysis, page)
        found = [one for picture in json.loads(texts[analysis])["images"] for one in picture["boxes"]]
        assert found
        for box in found:  # the efficiency of Shapley values, summed here by other code than theirs
            assert box["base_value"] + sum(box["values"]) == pytest.approx(box["full_value"], abs=1e-6)
        assert texts[page].rstrip().endswith("</html>")


def test_no_endpoint_is_left_behind(ground: Room, signs: Story, boxes: Story) -> None:
    owners = {one["metadata"]["labels"]["app.kubernetes.io/name"] for one in endpoints(ground)}
    assert owners.isdisjoint({"story-a", "story-b"})
