"""All predictions of a class in a set of images in order of their scores, as COCO ranks them, and which of them hit."""

from dataclasses import dataclass

import numpy as np

from mrcnn.evaluate.matching import in_crowds


@dataclass(frozen=True)
class Ranking:
    """The predictions of one class in a set of images, in descending order of score.

    Attributes
    ----------
    scores : float64 [M]
    images : int64 [M]
        Index of the image of each prediction.
    hits : bool [T, M]
        Whether a prediction finds a true object, at each IoU threshold.
    counted : bool [T, M]
        False where a prediction without an object lies in a crowd, and therefore is no error.
    truths : int64 [n]
        Number of true objects of the class in each image, without crowds.
    """

    scores: np.ndarray
    images: np.ndarray
    hits: np.ndarray
    counted: np.ndarray
    truths: np.ndarray

    def counts(self) -> np.ndarray:
        """tp, fp, fn and 0 of each image at the first threshold, float [n, 4]."""
        tp, kept = (
            np.bincount(self.images, weights=chosen, minlength=len(self.truths))
            for chosen in (self.hits[0], self.counted[0])
        )
        return np.stack([tp, kept - tp, self.truths - tp, np.zeros(len(tp))], axis=1)


def rank_class(images, class_id, iou_thresholds, max_detections=None) -> Ranking:
    """The `Ranking` of one class.

    Parameters
    ----------
    images : sequence of (Instances, Instances, float [N, M])
        Ground truth, predictions and overlaps (`average_precision.pair_ious`) of each image.
    class_id : int
    iou_thresholds : sequence of float [T]
        Minimum IoU of a match.
    max_detections : int or None
        Of the predictions of an image, only so many with the highest scores.
    """
    parts, truths = [_nothing(len(iou_thresholds))], []
    for index, (gt, pred, overlaps) in enumerate(images):
        columns = np.flatnonzero(pred.class_ids == class_id)
        columns = columns[np.argsort(-pred.scores[columns], kind="stable")][:max_detections]
        objects = np.flatnonzero(gt.class_ids == class_id)
        overlaps = np.asarray(overlaps)[:, columns]
        hits = _greedy(overlaps[objects], iou_thresholds)
        in_crowd = [in_crowds(overlaps, gt.class_ids, pred.class_ids[columns], _reached(t)) for t in iou_thresholds]
        parts.append((pred.scores[columns], np.full(len(columns), index), hits, hits | ~np.array(in_crowd, bool)))
        truths.append(len(objects))
    scores, owners, hits, counted = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    # float64 can represent a threshold between any two scores
    scores = scores.astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    return Ranking(scores[order], owners[order], hits[:, order], counted[:, order], np.array(truths, np.int64))


def _nothing(count):
    none = np.zeros((count, 0), bool)
    return np.zeros(0, np.float32), np.zeros(0, np.int64), none, none


def _reached(threshold):
    """The IoU that COCOeval takes for reaching a threshold: identical masks reach 1."""
    return min(float(threshold), 1 - 1e-10)


def _greedy(overlaps, iou_thresholds):
    """Whether each prediction, in the given order, finds a true object at each threshold: bool [T, M], IoU [N, M]."""
    hits = np.zeros((len(iou_thresholds), overlaps.shape[1]), bool)
    for t, threshold in enumerate(iou_thresholds):
        free = np.ones(len(overlaps), bool)
        reachable = overlaps >= _reached(threshold)
        for j in np.flatnonzero(reachable.any(axis=0)):
            candidates = np.flatnonzero(reachable[:, j] & free)
            if len(candidates):
                # the last one of equal overlaps, as in the loop of COCOeval
                free[candidates[::-1][np.argmax(overlaps[candidates[::-1], j])]] = False
                hits[t, j] = True
    return hits
