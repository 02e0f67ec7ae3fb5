"""The text of a description by `mrcnn.commands.info_weights`."""

import math
from pathlib import Path

from mrcnn.commands.plain_text import counted, joined, length, pixel_size


def rows(found):
    """(label, text) rows of a description."""
    trained, notes = found.get("trained"), found["notes"]
    rows = [
        ("what", _what(found)),
        ("network", found["network"]),
        ("backbone", found["backbone"] or "unknown"),
        ("classes", _classes_text(found)),
        ("image channels", found["channels"] or "unknown"),
        ("image size", _input_text(found.get("input"))),
    ]
    if found["settings"] is not None:
        rows += [("pixel size", f"{pixel_size(found['pixel_size_nm'])} (PIXEL_SIZE_NM)")]
        rows += [("objects", objects_text(found["objects"]))] if found["objects"] else []
        rows += [("detections", _detections_text(found))]
    rows += [("training", text) for text in _training_texts(trained)] if trained else []
    if found["weights"]:
        epoch = "" if found["epoch"] is None else f", of epoch {found['epoch']}"
        rows += [
            ("weights", f"{Path(found['weights']).name}{epoch}, written {found['date']}"),
            ("parameters", f"{found['parameters']:,} in {counted(found['layers'], 'layer')}"),
        ]
    rows += [("note", note) for note in notes]
    return [*rows, ("to predict", found["predict"])] if found["predict"] else rows


def _detections_text(found):
    text = f"of a score of at least {found['min_score']:g} (DETECTION_MIN_CONFIDENCE)"
    most = found["max_objects"]
    return text if most is None else f"{text}, at most {most} in an image or tile (DETECTION_MAX_INSTANCES)"


def _what(found):
    if found.get("run"):
        run = Path(found["run"])
        if found["runs"] > 1:
            return f"folder of {found['runs']} runs; the newest, {run.name}:"
        return "run of a training" if found["weights"] else "run of a training, stopped before its first checkpoint"
    if not found["weights"]:
        return "settings of a network"
    return "weight file" if found["settings"] is not None else "weight file without settings"


def _classes_text(found):
    if found["classes"]:
        return joined(found["classes"])
    if found["class_count"] is None:
        return "unknown"
    return f"{found['class_count']} besides the background; their names are not stored"


def _input_text(size):
    if size is None:
        return "any; the settings say which"
    if "crop" in size:
        return f"any, in tiles of {size['crop']} x {size['crop']} (SEMANTIC_CROP)"
    anchors, low, high = ", ".join(f"{scale:g}" for scale in size["anchors"]), size["min"], size["max"]
    enlarged = f"; a shorter side below {low} is enlarged" if low else ""
    text = {
        "square": f"padded to {high} x {high} pixels (IMAGE_MAX_DIM){enlarged}",
        "pad64": f"padded to a multiple of 64 pixels{enlarged}",
        "none": "as it is",
        "fit": f"not resized; padded to {high} x {high} pixels, larger images cropped in training (IMAGE_MAX_DIM)",
        "crop": f"crops of {low} x {low} pixels in training",
    }.get(size["mode"], size["mode"])
    return f"{text}\nanchors of {anchors} pixels"


def objects_text(objects):
    """Sizes of objects as text: the quartiles of their diameters."""
    low, median, high = objects["diameter_px"]["quartiles"]
    text = f"diameter {median:.3g} pixels (half of them {low:.3g} to {high:.3g})"
    if objects.get("pixel_size_nm"):
        scale = math.sqrt(math.prod(objects["pixel_size_nm"]))
        text += f", {length(median * scale)} ({length(low * scale)} to {length(high * scale)})"
    return f"{text} in training"


def _training_texts(trained):
    planned = f" of {trained['planned']}" if trained["planned"] else ""
    texts = [f"{trained['epochs']}{planned} epochs done" if trained["epochs"] or planned else "no epoch done"]
    best = trained["best_validation_loss"]
    if best is not None:
        texts.append(f"lowest validation loss {best['value']:.4g} in epoch {best['epoch']}")
    if trained["data"]:
        texts.append(f"on {trained['data']}")
    return ["; ".join(texts)]
