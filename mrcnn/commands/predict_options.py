"""What the options of a prediction mean: what is written, and how files are processed."""

from mrcnn.commands.predict_worker import FileWork
from mrcnn.commands.predict_writers import PageWriter
from mrcnn.commands.preparation import preparation
from mrcnn.commands.scaling import PIXEL_SIZE, check_object_size
from mrcnn.commands.settings import class_names
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.hardware import has_gpu
from mrcnn.options.predict_arguments import BOX_DEFAULT, MASK_DEFAULT
from mrcnn.results.linking import LinkSettings


def least_score(detector, options):
    """A sentence about the lowest score of the objects that are kept, if the run's settings decide; otherwise None."""
    least = getattr(getattr(detector, "config", None), "DETECTION_MIN_CONFIDENCE", 0)
    if options.get("min_score") is not None or not least:
        return None
    return f"Objects with a score below {least:g} are left out (DETECTION_MIN_CONFIDENCE of the run; see --min-score)."


def with_old_words(options):
    """The options, with those that became names for --write (--rois, --masks, --cells, --link-slices) among these."""
    words = {"rois": "rois", "masks": "masks", "cells": "cells", "link_slices": "volumes"}
    return {**options, "also": tuple(name for word, name in words.items() if options.get(word))}


def file_work(domain, detector, options, out, files):
    """The `FileWork` that the options describe, for this model and number of files."""
    config = detector.config
    masks = bool(config.USE_MASK_HEAD)
    write = options.get("write") or options.get("default_write") or (MASK_DEFAULT if masks else BOX_DEFAULT)
    write = tuple(dict.fromkeys([*write, *options["also"], *(["detections"] if options.get("detections") else [])]))
    if options.get("parts"):
        write = tuple(name for name in write if name != "coco")
    names = class_names(domain, config)
    writer = PageWriter(
        write,
        None if names is None else tuple(names),
        masks,
        int(config.IMAGE_SHAPE[2]),
        options.get("overlays", 4),
        _link_settings(options) if "volumes" in write else None,
        options.get("slice_distance_nm"),
    )
    writer.check()
    object_size = options.get("object_size") or PIXEL_SIZE
    check_object_size(object_size, config)
    return FileWork(
        out,
        writer,
        int(config.IMAGE_SHAPE[2]),
        preparation(options),
        options.get("pixel_size_nm"),
        as_pixel_size(config.PIXEL_SIZE_NM),
        options.get("batch") or (4 if has_gpu() else 1),
        options.get("tile") or "auto",
        object_size,
        options.get("dask") if files == 1 else None,
        options.get("object_size") == PIXEL_SIZE,
    )


def _link_settings(options):
    low, high = options.get("link_scores", (0.0, 0.0))
    return LinkSettings(
        options.get("link_iou", 0.3),
        low,
        high,
        max_gap=options.get("link_gap", 0),
        min_slices=options.get("min_slices", 1),
    )
