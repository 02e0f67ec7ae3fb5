"""How well outlines of found objects agree with the true ones: area, IoU and boundary F1 of the matched objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from mrcnn.evaluate.matching import match_instances
from mrcnn.geometry.instances import Instances

TOLERANCES_PX = (1, 2)


@dataclass(frozen=True)
class Outlines:
    """The matched objects of a set of images.

    Attributes
    ----------
    images : int64 [K]
        Index of the image of each pair.
    areas_true, areas_found : float [K]
        In pixels.
    ious : float [K]
    boundary_f1 : float [K, 2]
        At each of `TOLERANCES_PX`, see `boundary_f1`.
    """

    images: np.ndarray
    areas_true: np.ndarray
    areas_found: np.ndarray
    ious: np.ndarray
    boundary_f1: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        """Area found / true area of each pair."""
        return self.areas_found / self.areas_true

    def summary(self) -> dict:
        """`objects`, `area_ratio` {"median", "low", "high"} (5 and 95 %), `mean_iou`, `boundary_f1` {"1", "2"}.

        NaN without pairs.
        """
        some = len(self.ratios) > 0
        low, median, high = np.percentile(self.ratios, [5, 50, 95]) if some else [np.nan] * 3
        means = self.boundary_f1.mean(axis=0) if some else [np.nan] * len(TOLERANCES_PX)
        return {
            "objects": len(self.ratios),
            "area_ratio": {"median": float(median), "low": float(low), "high": float(high)},
            "mean_iou": float(self.ious.mean()) if some else float("nan"),
            "boundary_f1": {str(t): float(mean) for t, mean in zip(TOLERANCES_PX, means, strict=True)},
        }


def compare_outlines(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    overlaps: Sequence[np.ndarray] | None = None,
    with_masks: Sequence[bool] | None = None,
    iou_threshold: float = 0.5,
) -> Outlines:
    """The `Outlines` of the objects that match at an IoU, by `match_instances`.

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth, possibly with crowds, and predictions, one `Instances` per image.
    overlaps : list of float [N, M], optional
        As from `mask_overlaps` for each image, if already known.
    with_masks : list of bool, optional
        Whether both masks of an image are real; False if they are filled boxes, whose outlines are not compared.
    iou_threshold : float
    """
    rows = []
    for index, (gt, pred) in enumerate(zip(gt_list, pred_list, strict=True)):
        if with_masks is not None and not with_masks[index]:
            continue
        matching = match_instances(gt, pred, iou_threshold, None if overlaps is None else overlaps[index])
        true, found = gt.areas(), pred.areas()
        for (i, j), iou in zip(matching.pairs, matching.ious, strict=True):
            rows.append((index, true[i], found[j], iou, *boundary_f1(*_on_one_grid(gt, i, pred, j))))
    table = np.array(rows, float).reshape(-1, 4 + len(TOLERANCES_PX))
    return Outlines(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3], table[:, 4:])


def boundary_f1(mask: np.ndarray, other: np.ndarray, tolerances_px: Sequence[float] = TOLERANCES_PX) -> list[float]:
    """Boundary F1 (BF score) of two masks at each tolerance.

    Parameters
    ----------
    mask, other : bool [H, W]
        Neither is empty.
    tolerances_px : sequence of float
        Largest distance between the centres of boundary pixels that agree.

    Returns
    -------
    list of float
        Harmonic mean of precision, the share of boundary pixels of the one mask within the tolerance of a boundary
        pixel of the other, and recall, the same with the masks exchanged.

    Notes
    -----
    Csurka, Larlus and Perronnin, What is a good evaluation measure for semantic segmentation?, BMVC 2013; here for each
    object instead of each image, as in scores of instances. The boundary is made of the pixels of a mask that have one
    of their four neighbours outside it. What lies beyond the border of the image counts as outside.

    Examples
    --------
    A square of 10 x 10 pixels, and the same shifted by two pixels:

    >>> square = np.zeros((20, 20), bool)
    >>> square[5:15, 5:15] = True
    >>> [round(score, 2) for score in boundary_f1(square, np.roll(square, 2, axis=1))]
    [0.56, 1.0]
    """
    edge, other_edge = _boundary(mask), _boundary(other)
    to_other = distance_transform_edt(~other_edge)[edge]
    to_this = distance_transform_edt(~edge)[other_edge]
    scores = []
    for tolerance in tolerances_px:
        precision, recall = np.mean(to_other <= tolerance), np.mean(to_this <= tolerance)
        scores.append(float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0)
    return scores


def _boundary(mask):
    padded = np.pad(mask, 1)
    return (padded & ~binary_erosion(padded))[1:-1, 1:-1]


def _on_one_grid(gt, i, pred, j):
    """The masks of a true object and of a prediction in the smallest box that holds both."""
    boxes = np.stack([gt.boxes[i], pred.boxes[j]])
    top_left, bottom_right = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    masks = np.zeros((2, *(bottom_right - top_left)), bool)
    for plane, box, mask in zip(masks, boxes, (gt.masks[i], pred.masks[j]), strict=True):
        y1, x1, y2, x2 = box - np.tile(top_left, 2)
        plane[y1:y2, x1:x2] = mask
    return masks
