"""Run detection on a data set and compare the results with the ground truth."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mrcnn.config_checks import check_class_order
from mrcnn.data.dataset import name_of
from mrcnn.errors import DataError
from mrcnn.evaluate.classes import counted_objects
from mrcnn.evaluate.curves import ScoreCurve
from mrcnn.evaluate.intervals import Sample, intervals
from mrcnn.evaluate.joint import score_all
from mrcnn.evaluate.report import evaluate_set
from mrcnn.geometry.instances import Instances
from mrcnn.inference.ceilings import without_warnings_of_limits
from mrcnn.inference.scale import tiling_of
from mrcnn.inference.tiling import detect_windows
from mrcnn.inference.whole_or_tiled import detect_at, source_of, warn_of_assumed_scale


def evaluate_dataset(detector, dataset, limit=None, keep=0, progress=None):
    """Metrics of a model on a data set; by boxes if the model has no mask head or the ground truth has no masks.

    Parameters
    ----------
    detector : MaskRCNN
    dataset : Dataset
        Prepared, with ground truth.
    limit : int, optional
        Evaluate only the first images, up to this number.
    keep : int
        Return this many images with ground truth and detections.
    progress : callable, optional
        Wraps the sequence of image ids, as `tqdm.tqdm` does.

    Returns
    -------
    report : dict
        The report of `mrcnn.evaluate.report.evaluate_set`, with `images_by_boxes`, the number of images whose objects
        were compared by their filled boxes.
    shown : list of (image, ground truth, detections)

    Raises
    ------
    DataError
        An image cannot be used; the message names its file.
    ConfigError
        A class has another id in the data set than in CLASS_NAMES of the model.
    """
    if names := getattr(detector.config, "CLASS_NAMES", None):
        check_class_order(names, dataset.class_names)
    ids = np.asarray(dataset.image_ids)[:limit]
    truths, found, names, shown, masked = [], [], [], [], []
    for image_id in progress(ids) if progress else ids:
        image, gt = dataset.load_image(image_id), dataset.load_instances(image_id)
        with _naming(dataset, image_id):
            prediction = detector.predict([image])[0]
        if len(shown) < keep:
            shown.append((image, gt, prediction))
        masked.append(compares_masks(detector, dataset, image_id))
        if not masked[-1]:
            gt, prediction = gt.as_boxes(), prediction.as_boxes()
        truths.append(gt)
        found.append(prediction)
        names.append(str(dataset.image_info[image_id]["id"]))
    report = evaluate_set(truths, found, dataset.class_names, names, with_masks=masked)
    return {**report, "images_by_boxes": masked.count(False)}, shown


@dataclass(frozen=True)
class Outcome:
    """A model's results on a data set.

    Attributes
    ----------
    report : dict
        As from `mrcnn.evaluate.joint.evaluate_all`, but without intervals, and with `images_by_boxes`, the number of
        images whose objects were compared by their filled boxes.
    curves : dict of str to ScoreCurve
        By class name.
    truths, counted : list of Instances
        The objects of each image as they were compared, with crowds, and the detections counted.
    sample : Sample
        What the scores are made of, for intervals.
    """

    report: dict
    curves: dict[str, ScoreCurve]
    truths: list[Instances]
    counted: list[Instances]
    sample: Sample

    def with_intervals(self) -> dict:
        """The report, with the confidence intervals of its scores as `intervals`."""
        return {**self.report, "intervals": intervals(self.sample)}

    @property
    def by_boxes(self) -> bool:
        """Whether all images were compared by boxes."""
        return self.report["images_by_boxes"] == self.report["images"]


def judge(detect, dataset, masks_of, min_score, iou=0.5, progress=None):
    """Detect in every image of a data set, and compute all scores.

    Parameters
    ----------
    detect : callable
        (image [H, W, C], image_id, pixel_size_nm) -> the objects of all scores and those counted, as `detect_counted`.
    dataset : Dataset
        Prepared, with ground truth.
    masks_of : callable
        image_id -> whether masks are compared; otherwise filled boxes are.
    min_score : float
        Lowest score of the objects counted, for the report.
    iou : float
        Minimum IoU of a match in the scores of the classes.
    progress : callable, optional
        Wraps the sequence of image ids, as `tqdm.tqdm` does.

    Returns
    -------
    Outcome

    Raises
    ------
    DataError
        An image cannot be used; the message names its file.
    """
    truths, found, counted, names, masked = [], [], [], [], []
    for image_id in progress(dataset.image_ids) if progress else dataset.image_ids:
        image, gt = dataset.load_image(image_id), dataset.load_instances(image_id)
        with _naming(dataset, image_id), without_warnings_of_limits():
            objects = (gt, *detect(image, int(image_id), gt.pixel_size_nm))
        masked.append(bool(masks_of(image_id)))
        if not masked[-1]:
            objects = [o.as_boxes() for o in objects]
        for part, one in zip((truths, found, counted), objects, strict=True):
            part.append(one)
        names.append(str(dataset.image_info[image_id]["id"]))
    # Filled boxes have the same IoU as their boxes, which is faster to compute.
    iou_type = "segm" if any(masked) else "bbox"
    scores = score_all(truths, counted, found, dataset.class_names, names, min_score, iou, iou_type, masked)
    report = {**scores.report, "images_by_boxes": masked.count(False)}
    return Outcome(report, scores.curves, truths, counted, scores.sample)


def detect_counted(detector, image, min_score):
    """All objects that a model finds in an image, and those that it would find with `min_score` as its lowest score.

    In an image that is processed as a whole, the latter are the former with a score of at least `min_score`. In tiles,
    views with lower scores must not take part when views are joined to objects.

    Parameters
    ----------
    detector : MaskRCNN or SemanticSegmenter
    image : array [H, W, C]
    min_score : float

    Returns
    -------
    found, counted : Instances
    """
    tiling = None
    if hasattr(detector, "scale") and min_score > detector.config.DETECTION_MIN_CONFIDENCE:
        tiling = tiling_of(detector.config, image.shape, "auto", detector.scale)
    if tiling is None:
        found = detector.predict([image])[0]
        return found, *counted_objects([found], min_score)
    if tiling.assumed:
        warn_of_assumed_scale(detector)
    source, options = source_of(image, detector.config), {"progress": False, "executor": _KeptTiles()}
    found = detect_at(detector, source, tiling, **options)
    return found, detect_at(detector, source, tiling, min_score=min_score, **options)


class _KeptTiles:
    """`detect_windows` that detects in each window only once."""

    def __init__(self):
        self.found = {}

    def __call__(self, detector, source, windows, tile, batch):
        missing = {key: window for key, window in windows.items() if key not in self.found}
        for key, found, *_ in detect_windows(detector, source, missing, tile, batch):
            self.found[key] = found
        yield from ((key, self.found[key]) for key in windows)


@contextmanager
def _naming(dataset, image_id):
    """Name the image in a `DataError` that is raised inside the block: a detector knows only its index in a list."""
    try:
        yield
    except DataError as error:
        raise DataError(name_of(dataset, image_id), error.problem, error.cure) from error


def compares_masks(detector, dataset, image_id):
    """Whether detections of an image can be compared with its ground truth by masks, because both have masks."""
    return bool(detector.config.USE_MASK_HEAD and dataset.has_masks(image_id))
