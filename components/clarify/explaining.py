"""From one picture to its explanation: games of segments, Shapley values, and where the strongest of them lie.

With context 1 one set of predictions serves all boxes of a picture: they are the outputs of one game. With less, what
is masked depends on the box, so each box plays a game of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.clarify import baselines, game
from components.clarify.game import Game
from components.clarify.looking import Looked
from components.clarify.masks import Masker
from components.clarify.measuring import OnObject, measure, shares
from components.clarify.objects import Detections
from components.clarify.predictors import DETECTION, Predictor
from components.clarify.shapley import Estimate, Ledger, default_samples, estimate
from components.errors import CompletenessError
from components.images import Pixels

if TYPE_CHECKING:
    from components.clarify.config import AnalysisConfig

Floats = NDArray[np.float64]
Progress = Callable[[int], None]

TOLERANCE = 1e-6
"""What the values may miss of what they explain, relative to it or to 1."""

_CHUNK = 256  # coalitions between two entries in the ledger: enough to keep several requests in flight


@dataclass(frozen=True)
class Target:
    """One explained box, or one class of a classifier, whose box is the whole picture.

    Attributes:
        number: From 1, by score.
        class_index: Of it.
        score: The model's, of the picture as it is.
        box: ``(4,)`` x1, y1, x2, y2 as shares of width and height.
        values: φ of each segment ``(segments,)``; 0 of those that did not play.
        standard_errors: Of φ ``(segments,)``.
        base: Value of the picture with all players absent.
        full: Value of the picture with all of them.
        players: The segments that played ``(players,)``.
        estimate: Of its game, which it may share with other targets.
        output: Its column there.
        truth: The true box ``(4,)`` that it was matched with; None without.
        on_object: How its strongest segments lie about the object; None of a class.
    """

    number: int
    class_index: int
    score: float
    box: Floats
    values: Floats
    standard_errors: Floats
    base: float
    full: float
    players: NDArray[np.intp]
    estimate: Estimate
    output: int
    truth: Floats | None = None
    on_object: OnObject | None = None

    @property
    def residual(self) -> float:
        """What efficiency leaves."""
        return float(self.estimate.residual[self.output])


@dataclass(frozen=True)
class Explanation:
    """One explained picture: what was known before, and its targets, best first."""

    looked: Looked
    targets: Sequence[Target]
    predictions: int


@dataclass(frozen=True)
class Explainer:
    """Explains pictures that were looked at.

    Args:
        predictor: The model.
        config: What is asked, in AWS's words.
        baseline: A kind of ``baselines.KINDS``, or a picture.
        ledgers: Folder for the answers of a game that was interrupted, which the next call goes on from.
        watch: Is shown each batch of masked pictures.
    """

    predictor: Predictor
    config: AnalysisConfig
    baseline: str | Pixels = "noise"
    ledgers: Path | None = None
    watch: game.Watch | None = None

    def explain(self, looked: Looked, progress: Progress | None = None) -> Explanation:
        """Plays the games of a picture.

        Args:
            looked: What ``looking.look`` returned.
            progress: Called with the predictions made for this picture.

        Raises:
            CompletenessError: Values do not sum up to what they explain.
            EndpointError: The endpoint was lost; what it answered is in ``ledgers``.
            InputError: ``num_samples`` is too small for the segments.
        """
        targets: list[Target] = []
        done = 0
        for wanted, strength in looked.games(self.config.shap.image_config.context):
            played = Game(self.masker(looked, strength), self.predictor, self._scoring(looked, wanted), self.watch)
            found = self._estimate(played, wanted, None if progress is None else _after(done, progress))
            done += found.evaluations
            for output in range(len(wanted)):
                targets.append(self._target(looked, wanted, played.masker.players, found, output, len(targets) + 1))
        return Explanation(looked, targets, done)

    def planned(self, looked: Looked) -> int:
        """Returns how many predictions ``explain`` will make, if it does not end early."""
        games = looked.games(self.config.shap.image_config.context)
        return sum(self._evaluations(int((strength > 0).sum())) for _, strength in games)

    def masker(self, looked: Looked, strength: Floats) -> Masker:
        """Returns the masks of a picture for segments of some strengths ``(segments,)``."""
        made = baselines.make(self.baseline, looked.asked, self.config.shap.seed)
        return Masker(looked.asked, looked.segments.at(*looked.asked.shape[:2]), made, strength)

    def _evaluations(self, players: int) -> int:
        wanted = self.config.shap.num_samples
        return min(default_samples(players) if wanted is None else wanted, 2**players - 2) + 2

    def _scoring(self, looked: Looked, wanted: Detections) -> game.Scoring:
        shap = self.config.shap
        if shap.image_config.model_type == DETECTION:
            return game.detection_scoring(wanted, shap.image_config.iou_threshold, shap.use_logit, looked.dropped)
        return game.classification_scoring(wanted.classes, shap.use_logit)

    def _estimate(self, played: Game, wanted: Detections, progress: Callable[[int, int], None] | None) -> Estimate:
        shap = self.config.shap
        targets = np.column_stack([wanted.classes, wanted.scores, wanted.boxes])
        with _remembered(self.ledgers, played, targets) as ledger:
            found = estimate(
                played,
                len(played.masker.players),
                shap.num_samples,
                shap.seed,
                ledger=ledger,
                chunk=_CHUNK,
                error_bound=self.config.roadworthy.standard_error_bound,
                progress=progress,
            )
        scale = np.maximum(1, np.abs(found.full - found.base))
        if (np.abs(found.residual) > TOLERANCE * scale).any():
            raise CompletenessError(
                f"expected values that sum up to what they explain within {TOLERANCE:g}, found residuals of "
                f"{np.abs(found.residual).max():.3g}"
            )
        return found

    def _target(
        self, looked: Looked, wanted: Detections, players: NDArray[np.intp], found: Estimate, output: int, number: int
    ) -> Target:
        values, errors = np.zeros(looked.segments.count), np.zeros(looked.segments.count)
        values[players], errors[players] = found.values[:, output], found.standard_errors[:, output]
        class_index, box = int(wanted.classes[output]), wanted.boxes[output]
        options, truth, on_object = self.config.shap.image_config, None, None
        if options.model_type == DETECTION:
            if looked.truth is not None:
                truth = looked.truth.of(class_index, box, options.iou_threshold)
            on_object = _on_object(looked, values, box if looked.truth is None else truth)
        return Target(
            number,
            class_index,
            float(wanted.scores[output]),
            box,
            values,
            errors,
            float(found.base[output]),
            float(found.full[output]),
            players,
            found,
            output,
            truth,
            on_object,
        )


def _on_object(looked: Looked, values: Floats, region: Floats | None) -> OnObject:
    count = looked.segments.count
    # What is no object at all is not what any segment lies on.
    overlaps = np.zeros(count) if region is None else shares(looked.segments.map, count, region)
    return measure(values, overlaps)


def _after(done: int, progress: Progress) -> Callable[[int, int], None]:
    return lambda found, _: progress(done + found)


@contextmanager
def _remembered(folder: Path | None, played: Game, targets: Floats) -> Iterator[Ledger]:
    """Yields the ledger of a game, from where it was left; what was answered is saved if the game breaks off."""
    players = len(played.masker.players)
    if folder is None:
        yield Ledger(players)
        return
    name = played.identity(targets)
    path = folder / f"{name[:24]}.npz"
    ledger = Ledger.load(path, players, name) if path.exists() else Ledger(players, name)
    try:
        yield ledger
    except BaseException:  # also when the stage is told to stop
        folder.mkdir(parents=True, exist_ok=True)
        ledger.save(path)
        raise
    path.unlink(missing_ok=True)
