"""From a picture to values: games whose truth is known in closed form, context, and what hostile models do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from toys import Direct, Part, Toy, quarters

from components.clarify.config import AnalysisConfig
from components.clarify.explaining import Explainer
from components.clarify.looking import Truth, look
from components.clarify.measuring import measure, shares
from components.errors import CompletenessError, EndpointError, InputError

LEFT_UPPER, UPPER = (slice(0, 20), slice(0, 20)), (slice(0, 20), slice(0, 40))
PARTS = [Part(0, (0, 0, 0.5, 0.5), *LEFT_UPPER), Part(1, (0, 0, 1, 0.5), *UPPER)]
BLACK = np.zeros((40, 40, 3), np.uint8)


def config(**image):
    shap = {"image_config": {"model_type": "OBJECT_DETECTION", "num_segments": 4, **image}}
    shap |= {key: shap["image_config"].pop(key) for key in ("num_samples", "seed", "use_logit") if key in image}
    return AnalysisConfig.from_json(json.dumps({"probability_threshold": 0.2, "methods": {"shap": shap}}))


def explain(parts=PARTS, picture=None, baseline=BLACK, truth=None, runtime=None, **image):
    runtime = runtime or Toy(parts)
    predictor, asked = Direct(runtime), config(**image)
    picture = quarters() if picture is None else picture
    looked = look(picture, predictor, asked, truth)
    explainer = Explainer(predictor, asked, baseline)
    return explainer.explain(looked), predictor, explainer, looked


class TestAGameWhoseTruthIsKnown:
    """The score is the mean of red over a part, so a segment is worth its own share of that mean: φ is additive."""

    def test_each_segment_is_worth_the_red_that_it_brings(self):
        found, *_ = explain()
        first, second = found.targets
        assert (first.class_index, second.class_index) == (0, 1)
        assert first.values == pytest.approx([200 / 255, 0, 0, 0], abs=1e-6)
        assert second.values == pytest.approx([100 / 255, 50 / 255, 0, 0], abs=1e-6)
        assert (first.base, first.full) == (0, pytest.approx(200 / 255))

    def test_a_baseline_that_is_red_as_well_takes_its_part_away(self):
        found, *_ = explain(baseline=np.full((40, 40, 3), 51, np.uint8))
        assert found.targets[0].values == pytest.approx([(200 - 51) / 255, 0, 0, 0], abs=1e-6)
        assert found.targets[0].base == pytest.approx(0.2)

    def test_twenty_segments_sampled_are_worth_the_same_since_the_game_is_additive(self):
        picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
        found, _, explainer, looked = explain(picture=picture, num_segments=20, num_samples=200)
        red = np.where(np.arange(40)[:, None] < 20, picture[..., 0], 0) / 255 / 800
        true = np.bincount(looked.segments.map.reshape(-1), red.reshape(-1), 20)
        there = next(t for t in found.targets if t.class_index == 1)
        assert there.values == pytest.approx(true, abs=1e-5)
        assert not there.estimate.exact
        assert found.predictions == 202 == explainer.planned(looked)

    def test_a_score_that_is_lost_below_a_threshold_is_shared_by_those_who_keep_it(self):
        # With one half alone the score is 100 / 255 or 50 / 255, both under the least: nothing is found.
        found, *_ = explain(runtime=Toy(PARTS[1:], least=0.5))
        assert found.targets[0].values == pytest.approx([75 / 255, 75 / 255, 0, 0], abs=1e-6)
        assert found.targets[0].base == 0

    def test_logits_are_shared_when_they_are_asked_for(self):
        found, *_ = explain(use_logit=True)
        p = 200 / 255
        assert found.targets[0].full == pytest.approx(np.log(p / (1 - p)), rel=1e-5)
        assert found.targets[0].values.sum() == pytest.approx(found.targets[0].full - found.targets[0].base)

    def test_errors_residuals_and_samples_are_told(self):
        found, predictor, *_ = explain()
        for target in found.targets:
            assert target.estimate.exact
            assert not target.standard_errors.any()
            assert abs(target.residual) < 1e-12
        assert predictor.spent.predictions == 1 + 2**4  # one to find the boxes, then all coalitions, once for both


class TestContext:
    def test_0_lets_only_segments_that_meet_the_box_play_and_leaves_the_rest_as_it_is(self):
        found, *_ = explain(context=0)
        assert [t.players.tolist() for t in found.targets] == [[0], [0, 1]]
        assert found.targets[0].values == pytest.approx([200 / 255, 0, 0, 0], abs=1e-6)

    def test_between_the_values_of_segments_outside_grow_with_it(self):
        part = [Part(0, (0, 0, 0.5, 0.5), *UPPER)]  # it goes by the right upper square too, which its box does not meet
        outside = [explain(part, context=c)[0].targets[0].values[1] for c in (0, 0.25, 0.5, 1)]
        assert outside == pytest.approx([0, 0.25 * 50 / 255, 0.5 * 50 / 255, 50 / 255], abs=0.004)

    def test_1_serves_all_boxes_by_one_set_of_predictions_and_less_needs_one_each(self):
        assert [len(explain(context=c)[3].games(c)) for c in (1, 0.5, 0)] == [1, 2, 2]
        counts = [explain(context=c)[1].spent.predictions for c in (1, 0.5)]
        assert counts == [1 + 16, 1 + 2 * 16]

    def test_0_with_a_box_of_one_pixel(self):
        part = [Part(0, (0.5, 0.5, 0.525, 0.525), slice(20, 21), slice(20, 21))]
        found, *_ = explain(part, picture=quarters((0, 0, 0, 255)), context=0)
        assert found.targets[0].players.tolist() == [3]
        assert found.targets[0].values == pytest.approx([0, 0, 0, 1])


class TestPicturesAndModelsAtTheEdge:
    def test_a_picture_in_which_nothing_is_found_has_no_targets_and_costs_one_prediction(self):
        found, predictor, explainer, looked = explain(picture=BLACK)
        assert list(found.targets) == []
        assert predictor.spent.predictions == 1
        assert explainer.planned(looked) == 0

    @pytest.mark.parametrize("picture", [np.full((40, 40, 3), 200, np.uint8), np.full((1, 1, 3), 200, np.uint8)])
    @pytest.mark.parametrize("wanted", [1, 3, 5000])
    def test_a_picture_of_one_colour(self, picture, wanted):
        wanted = wanted if wanted < 5000 or picture.size < 100 else 7
        found, *_, looked = explain(PARTS[1:], picture=picture, num_segments=wanted)
        assert looked.segments.count == min(wanted, picture.shape[0] * picture.shape[1])
        assert found.targets[0].values.sum() == pytest.approx(200 / 255, abs=1e-6)

    def test_a_single_segment_gets_everything(self):
        found, *_ = explain(num_segments=1)
        assert found.targets[0].values == pytest.approx([200 / 255], abs=1e-6)

    @pytest.mark.parametrize("samples", [1, 5])
    def test_fewer_samples_than_segments_are_refused_with_the_number_that_is_needed(self, samples):
        with pytest.raises(InputError, match=r"samples: expected at least \d+ for 20 players"):
            explain(
                picture=np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8),
                num_segments=20,
                num_samples=samples,
            )

    def test_boxes_in_pixels_are_an_error_that_says_so(self):
        with pytest.raises(InputError, match="are they pixels"):
            explain([Part(0, (0, 0, 20, 20), *LEFT_UPPER)])

    def test_hostile_rows_are_counted_over_all_predictions(self):
        found, *_ = explain([*PARTS, Part(0, (0.5, 0.5, 0.2, 0.9), *UPPER)])
        assert found.looked.dropped == {"no_area": 1 + 12}  # where a square of the two is red, in 12 of 16 coalitions

    def test_a_model_that_fails_is_no_result(self):
        class Failing(Toy):
            def predict(self, batch):
                if len(batch) > 1:
                    raise EndpointError("expected an answer, found none")
                return super().predict(batch)

        with pytest.raises(EndpointError):
            explain(runtime=Failing(PARTS))

    def test_values_that_do_not_sum_up_are_an_error_and_no_picture(self, monkeypatch):
        monkeypatch.setattr("components.clarify.explaining.TOLERANCE", -1.0)
        with pytest.raises(CompletenessError, match="expected values that sum up"):
            explain()

    def test_max_objects_and_class_ids_choose_what_is_explained(self):
        assert [t.class_index for t in explain(max_objects=1)[0].targets] == [0]
        assert [t.class_index for t in explain(debug={"class_ids": [1]})[0].targets] == [1]


class TestAClassifier:
    class Classes(Toy):
        def predict(self, batch):
            red = super().predict(batch)[:, 1, 1]
            red = np.maximum(red, 0)
            return np.column_stack([0.3 * red, 0.7 * red, 1 - red]).astype(np.float32)

    def test_the_best_classes_are_explained_without_boxes(self):
        found, *_ = explain(runtime=self.Classes(PARTS), model_type="IMAGE_CLASSIFICATION", max_objects=2)
        assert [t.class_index for t in found.targets] == [1, 2] or [t.class_index for t in found.targets] == [2, 1]
        red = next(t for t in found.targets if t.class_index == 1)
        assert red.values == pytest.approx([0.7 * 100 / 255, 0.7 * 50 / 255, 0, 0], abs=1e-6)
        assert red.on_object is None

    def test_the_best_class_is_explained_however_weak(self):
        class Flat(Toy):
            def predict(self, batch):
                return np.full((len(batch), 20), 0.05, np.float32)

        found, *_ = explain(runtime=Flat(PARTS), model_type="IMAGE_CLASSIFICATION")
        assert [t.class_index for t in found.targets] == [0, 1, 2]
        assert found.targets[0].values == pytest.approx([0, 0, 0, 0])


class TestGoingOn:
    def test_a_lost_endpoint_costs_nothing_that_was_answered(self, tmp_path):
        whole = explain()[0].targets[1].values

        class Dying(Direct):
            left = 2

            def answers(self, batches):
                for found in super().answers(batches):
                    self.left -= 1
                    if self.left < 0:
                        raise EndpointError("gone")
                    yield found

        asked, toy = config(), Toy(PARTS)
        looked = look(quarters(), Direct(toy), asked)
        dying = Explainer(Dying(toy, room=4), asked, BLACK, ledgers=tmp_path)
        with pytest.raises(EndpointError):
            dying.explain(looked)
        assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
        again = Direct(toy)
        found = Explainer(again, asked, BLACK, ledgers=tmp_path).explain(looked)
        assert np.array_equal(found.targets[1].values, whole)
        assert list(tmp_path.iterdir()) == []

    def test_another_baseline_is_another_game(self, tmp_path):
        asked, toy = config(), Toy(PARTS)
        looked = look(quarters(), Direct(toy), asked)
        names = set()
        for baseline in (BLACK, BLACK + 9):
            explainer = Explainer(Direct(toy), asked, baseline)
            played = explainer.masker(looked, np.ones(4))
            from components.clarify.game import Game

            names.add(Game(played, Direct(toy), lambda rows: rows[:, 0]).identity(np.zeros(3)))
        assert len(names) == 2


class TestWhereTheStrongestLie:
    SEGMENTS = np.kron(np.arange(16).reshape(4, 4), np.ones((8, 8), int)).astype(np.int32)

    def test_a_segment_inside_the_box_lies_on_the_object_and_so_does_one_around_a_small_box(self):
        assert shares(self.SEGMENTS, 16, np.array([0, 0, 0.5, 0.5]))[[0, 1, 4, 5, 2]].tolist() == [1, 1, 1, 1, 0]
        assert shares(self.SEGMENTS, 16, np.array([0.05, 0.05, 0.2, 0.2]))[0] == 1

    def test_a_segment_half_inside_has_half(self):
        assert shares(self.SEGMENTS, 16, np.array([0, 0, 0.375, 1]))[1] == 0.5

    def test_the_three_strongest_count_by_their_values(self):
        values = np.array([0.6, 0.3, 0.1, 0.05, -0.9])
        found = measure(values, np.array([1.0, 0.5, 0.0, 1.0, 1.0]))
        assert found.top
        assert found.share == pytest.approx((0.6 + 0.15) / 1.0)
        assert found.chance == pytest.approx(4 / 5)

    def test_values_of_which_none_raises_the_score_lie_on_nothing(self):
        assert measure(np.array([-0.1, 0.0]), np.ones(2))[:2] == (False, 0.0)

    def test_the_true_box_is_the_object_where_it_is_known(self):
        there = Truth(np.array([0]), np.array([[0.0, 0.0, 0.5, 0.5]]))
        found, *_ = explain(truth=there)
        assert found.targets[0].truth is not None
        assert found.targets[0].on_object.top
        assert found.targets[1].truth is None
        assert not found.targets[1].on_object.top  # there is no such object, so nothing lies on it
