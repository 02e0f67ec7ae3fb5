"""Settings that limit how many objects are found in an image: which of them were reached, and the warning about it."""

from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from mrcnn.errors import LimitReached, warn
from mrcnn.geometry.instances import joined_limits

# The anchors and regions of an image nearly always fill PRE_NMS_LIMIT and POST_NMS_ROIS_INFERENCE, with background at
# their end. The limit matters if the network takes the last one for an object with at least this probability; below it,
# regions rarely become detections.
STILL_AN_OBJECT = 0.7
CAPPED = "DETECTION_MAX_INSTANCES"
_SILENT = ContextVar("_SILENT", default=False)


def limits_reached(detections, last_scores, config):
    """`Instances.limit_reached` of each image of a batch.

    Parameters
    ----------
    detections : float32 [B, D, 6]
        As the network returns them, padded with zeros: DETECTION_MAX_INSTANCES is reached if there is no padding.
    last_scores : float32 [B, 2] or None
        As from `mrcnn.layers.last_scores.LastScores`: PRE_NMS_LIMIT and POST_NMS_ROIS_INFERENCE are reached from
        STILL_AN_OBJECT on. None: not known.
    config : Config

    Returns
    -------
    list of str or None
    """
    detections = np.asarray(detections)
    full = (detections[:, :, 4] > 0).all(axis=1) & (detections.shape[1] >= int(config.DETECTION_MAX_INSTANCES))
    last = np.zeros((len(detections), 2)) if last_scores is None else np.asarray(last_scores)
    names = (CAPPED, "PRE_NMS_LIMIT", "POST_NMS_ROIS_INFERENCE")
    reached = np.column_stack([full, last >= STILL_AN_OBJECT])
    return [";".join(name for name, is_so in zip(names, row) if is_so) or None for row in reached]


def matters(found, min_score):
    """Whether a limit may have cost objects with at least this score.

    It has not if only DETECTION_MAX_INSTANCES was reached, which keeps the best, and some of those have lower scores.
    """
    if found.limit_reached is None:
        return False
    return found.limit_reached != CAPPED or not (found.scores < min_score).any()


def advice(limit, config):
    """What to do about `limit_reached`, such as "--set DETECTION_MAX_INSTANCES=200": each limit doubled."""
    return " ".join(f"--set {name}={2 * int(getattr(config, name))}" for name in limit.split(";"))


def described(limit, config):
    """`limit_reached` with the values, such as "DETECTION_MAX_INSTANCES = 100"."""
    return " and ".join(f"{name} = {int(getattr(config, name))}" for name in limit.split(";"))


def is_silent():
    """Whether this is inside a block of `without_warnings_of_limits`."""
    return _SILENT.get()


@contextmanager
def without_warnings_of_limits():
    """Inside the block, the caller tells it, or it does not matter: no warnings of limits, nor of empty fields."""
    token = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(token)


def warn_of_limits(results, config, min_score=0):
    """Warn, once per call, if a limit was reached in some of the images, and may have cost objects with `min_score`.

    Parameters
    ----------
    results : list of Instances
    config : Config
    min_score : float
    """
    if is_silent():
        return
    reached = [found for found in results if matters(found, min_score)]
    if not reached:
        return
    limit = joined_limits(found.limit_reached for found in reached)
    where = "the image" if len(results) == 1 else f"{len(reached)} of {len(results)} images"
    warn(
        f"In {where}, {described(limit, config)} {'were' if ';' in limit else 'was'} reached: there may be more "
        "objects than were found. Set larger values in the Config if they matter; `limit_reached` of the results says "
        "which images are meant.",
        LimitReached,
    )
