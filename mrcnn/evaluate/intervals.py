"""Confidence intervals of scores, and of differences of scores, by a bootstrap over images (`scipy.stats.bootstrap`).

A set of images is drawn from the set that was evaluated, with replacement, many times, and every score is computed for
each draw; the interval holds the middle 95 % of them (percentile method). It tells how much a score depends on which
images were taken, not how it varies between trainings. In the difference of two models both are scored on the same
draws. A `Sample` has what the scores are made of, image by image.
"""

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

from mrcnn.evaluate.average_precision import IOU_THRESHOLDS
from mrcnn.evaluate.boundary import Outlines
from mrcnn.evaluate.ranking import Ranking
from mrcnn.evaluate.resampled import (
    coco_scores,
    count_scores,
    curve_scores,
    mean_of_classes,
    outline_scores,
    pixel_scores,
)
from mrcnn.evaluate.to_json import plain

LEVEL = 0.95
SEED = 0
MOST_DRAWS, FEWEST_DRAWS = 1000, 200
_WORK = 1e8  # predictions x thresholds x draws: a few seconds
_BATCH = 1e6
MEANS = ("AP", "AP50", "AP75", "AP_voc", "precision", "recall", "f1")
_OF_CLASS_50 = ("precision", "recall", "threat_score", "f1")


@dataclass(frozen=True)
class ClassSample:
    """What the scores by class are made of; see `mrcnn.evaluate.classes.evaluate_classes`.

    Attributes
    ----------
    rankings : dict of str to Ranking
        By class name: predictions of all scores, at the IoU threshold of the report and then at COCO's ten.
    counts : dict of str to float [n, 4]
        tp, fp, fn and 0 of the predictions that count as found, in each image.
    """

    rankings: dict[str, Ranking]
    counts: dict[str, np.ndarray]


@dataclass(frozen=True)
class Sample:
    """What the scores of a set of n images are made of; see `mrcnn.evaluate.report.evaluate_set`.

    Attributes
    ----------
    counts : float [n, 10, 4]
        tp, fp, fn and sum of IoUs at each of `IOU_THRESHOLDS`.
    by_class : dict of str to float [n, 4]
        The same at IoU 0.5 by class name.
    pixels : float [n, 4]
        tp, fp, fn, tn of the foreground.
    aps : float [n]
        Matterport's AP at IoU 0.5 of each image.
    rankings : dict of str to Ranking
        By class name, at `IOU_THRESHOLDS`.
    outlines : Outlines
    classes : ClassSample, optional
    """

    counts: np.ndarray
    by_class: dict[str, np.ndarray]
    pixels: np.ndarray
    aps: np.ndarray
    rankings: dict[str, Ranking]
    outlines: Outlines
    classes: ClassSample | None = field(default=None)

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.aps)

    @property
    def why_none(self) -> str | None:
        """Why there are no intervals; None if there are."""
        if self.images < 2:
            return "no intervals: they are by drawing from the images, which takes at least two"
        if not self.counts[:, 0, [0, 2]].any():
            return "no intervals: there are no true objects"
        return None

    def draws(self) -> int:
        """How many draws are made: fewer if there are very many predictions."""
        return int(np.clip(_WORK / max(1, self._size()), FEWEST_DRAWS, MOST_DRAWS))

    def _size(self):
        rankings = [*self.rankings.values(), *(self.classes.rankings.values() if self.classes else ())]
        return sum(ranking.hits.size for ranking in rankings)

    def longest(self) -> int:
        """Length of the longest array of a draw."""
        rankings = [*self.rankings.values(), *(self.classes.rankings.values() if self.classes else ())]
        return max(self.images, len(self.outlines.images), *(len(r.scores) for r in rankings), 1)

    def scores(self, weights: np.ndarray) -> dict[tuple, np.ndarray]:
        """Every score of draws, by the keys under which the report has it; weights [R, n] as in `resampled`."""
        found: dict[tuple, np.ndarray] = {}
        for t, threshold in enumerate(IOU_THRESHOLDS):
            for name, values in count_scores(weights, self.counts[:, t]).items():
                found[name, f"{threshold:.2f}"] = values
        found |= {(name,): values for name, values in pixel_scores(weights, self.pixels).items()}
        found["ap_per_image_50",] = weights @ self.aps / weights.sum(axis=1)
        found |= {("outlines", *key): values for key, values in outline_scores(weights, self.outlines).items()}
        coco = coco_scores(weights, list(self.rankings.values()))
        for ap in ("AP", "AP50", "AP75") if coco else ():
            found["coco_ap", ap] = mean_of_classes([row[ap] for row in coco])
        counted = "" if self.classes is None else "_counted"
        for name, row in zip(self.rankings, coco, strict=True):
            found |= {("per_class", name, f"{ap}{counted}"): values for ap, values in row.items()}
            of_class = count_scores(weights, self.by_class[name])
            found |= {("per_class", name, f"{score}_50"): of_class[score] for score in _OF_CLASS_50}
        return found if self.classes is None else found | _scores_of_classes(weights, self.classes)


def _scores_of_classes(weights: np.ndarray, sample: ClassSample) -> dict[tuple, np.ndarray]:
    found: dict[tuple, np.ndarray] = {}
    rows: list[dict[str, np.ndarray]] = []
    coco = coco_scores(weights, list(sample.rankings.values()), first=1)
    for (name, ranking), row in zip(sample.rankings.items(), coco, strict=True):
        row = row | curve_scores(weights, ranking)
        rows.append(row | _at_threshold(weights, sample.counts[name]))
        found |= {("per_class", name, score): values for score, values in rows[-1].items()}
    found |= {("mean", score): mean_of_classes([row[score] for row in rows]) for score in MEANS if rows}
    pooled = _at_threshold(weights, sum(sample.counts.values()))
    return found | {("all_classes", score): values for score, values in pooled.items()}


def _at_threshold(weights, counts):
    scores = count_scores(weights, counts)
    f1 = np.where(np.isnan(scores["recall"]), np.nan, scores["f1"])  # without true objects
    return {"precision": scores["precision"], "recall": scores["recall"], "f1": f1}


def draw_scores(sample: Sample, draws: int) -> dict[tuple, np.ndarray]:
    """Every score of `draws` sets of images, drawn with a fixed seed: the same ones for the same number of images."""
    count, keys = sample.images, list[tuple]()

    def statistic(indices, axis=-1):
        indices = np.atleast_2d(indices)
        places = indices + count * np.arange(len(indices))[:, None]
        weights = np.bincount(places.ravel(), minlength=len(indices) * count).reshape(len(indices), count)
        found = sample.scores(weights)
        keys[:] = found
        return np.array(list(found.values()))

    seed = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"  # SciPy 1.14
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # scores that are not defined in some draws
        result = bootstrap(
            (np.arange(count),),
            statistic,
            n_resamples=draws,
            batch=max(1, int(_BATCH / sample.longest())),
            vectorized=True,
            axis=-1,
            method="percentile",
            **{seed: np.random.default_rng(SEED)},
        )
    return dict(zip(keys, result.bootstrap_distribution, strict=True))


def intervals(sample: Sample) -> dict:
    """The 95 % interval of every score of a report, for the key `intervals` of the report.

    Returns
    -------
    dict
        `level`, `draws`, and then the scores under the keys of the report, each as [low, high], or None where a score
        is not defined. With one image, or without true objects: only `none`, the reason as text.
    """
    if sample.why_none:
        return {"none": sample.why_none}
    return _nested(draw_scores(sample, sample.draws()), sample.draws())


def compared(samples: Mapping[str, Sample]) -> tuple[dict, dict]:
    """Intervals of several models that were evaluated on the same images, and of their differences to the first.

    Returns
    -------
    intervals, differences : dict of str to dict
        By model name, as from `intervals`; the first has no difference.
    """
    first = next(iter(samples))
    reason = next((sample.why_none for sample in samples.values() if sample.why_none), None)
    if reason:
        return (
            {name: {"none": reason} for name in samples},
            {name: {"none": reason} for name in samples if name != first},
        )
    draws = min(sample.draws() for sample in samples.values())
    scores = {name: draw_scores(sample, draws) for name, sample in samples.items()}
    differences = {
        name: _nested({key: values - scores[first][key] for key, values in own.items() if key in scores[first]}, draws)
        for name, own in scores.items()
        if name != first
    }
    return {name: _nested(own, draws) for name, own in scores.items()}, differences


def _nested(scores, draws):
    nested = {"level": LEVEL, "draws": draws}
    for key, values in scores.items():
        place = nested
        for part in key[:-1]:
            place = place.setdefault(part, {})
        place[key[-1]] = _interval(values)
    return plain(nested)


def _interval(values):
    """[low, high] of the draws for which a score is defined; None if these are fewer than half."""
    defined = values[np.isfinite(values)]
    if len(defined) < len(values) / 2:
        return None
    return np.percentile(defined, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]).tolist()


def of_key(report: Mapping, *keys: str):
    """The value under nested keys, or None if there is none."""
    value = report
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def number_text(value, interval=None) -> str:
    """A score with three decimals, and its interval in brackets; "-" if it is not defined."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}{interval_text(interval)}"


def interval_text(interval) -> str:
    """An interval as text with a space before it: " [0.123, 0.456]"; empty if there is none."""
    return "" if interval is None else " [{:.3f}, {:.3f}]".format(*interval)
