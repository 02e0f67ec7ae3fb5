"""Compare several models on the same images: one table, and figures of each model next to the ground truth."""

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.commands.compared_images import ComparedImages
from mrcnn.commands.comparison_table import format_comparison, write_comparison
from mrcnn.commands.datasets import exit_code, refuse_without_dataset
from mrcnn.commands.evaluation import BY_BOXES, scored_detector
from mrcnn.commands.inputs import file_name
from mrcnn.commands.preparation import preparation, with_recorded
from mrcnn.commands.run_costs import epoch_seconds, peak_mb, restart_peak, weights_mb
from mrcnn.commands.scaling import (
    AUTO,
    OFF,
    PIXEL_SIZE,
    FoundFor,
    at_object_size,
    check_object_size,
    chosen_scale,
    scale_sentences,
)
from mrcnn.data.molding import to_channels
from mrcnn.data.prepared import Preparation
from mrcnn.errors import ConfigError
from mrcnn.evaluate.intervals import compared, intervals
from mrcnn.inference.evaluation import compares_masks, detect_counted, judge
from mrcnn.plot.class_views import show_classes
from mrcnn.plot.comparison import compare_models
from mrcnn.plot.figures import save_figure


@dataclass
class Scales:
    """At which scales a model detected, for sentences about them.

    Attributes
    ----------
    found : list of FoundFor
        The scales found by --object-size auto.
    chosen : dict of str to None
        Sentences about the others, each once, in order.
    """

    found: list[FoundFor] = field(default_factory=list)
    chosen: dict[str, None] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """All that is to be said, without repetitions."""
        return [*self.chosen, *scale_sentences(self.found)]


@dataclass(frozen=True)
class Entry:
    """One model of a comparison.

    Attributes
    ----------
    name : str
    detector : object
        With `config` and `predict(images) -> list of Instances`.
    preparation : Preparation
        How images were prepared for its training; its detections are mapped back to the original images.
    megabytes : float
        Size of its weights.
    min_score : float
        Objects with a score of at least this are counted.
    plain : bool
        A semantic model without its watershed: its objects are connected components.
    object_size : str or float
        The option --object-size, see `mrcnn.commands.scaling`.
    """

    name: str
    detector: object
    preparation: Preparation
    megabytes: float
    min_score: float
    plain: bool = False
    object_size: str | float = OFF

    def predict(self, image, pixel_size_nm, path, scales=None):
        """Objects of one image [H, W, C] in its original pixels: those of all scores, and those counted.

        Also returns the seconds that the prediction took, without the preparation. The scale of the image is added to
        `scales`, if these are given.
        """
        molded = to_channels(self.preparation.image(image, path), int(self.detector.config.IMAGE_CHANNEL_COUNT), path)
        size = self.preparation.pixel_size(pixel_size_nm)
        downscale = self.preparation.downscale
        scales = Scales() if scales is None else scales

        def tell(scale, why):
            scales.found.append(FoundFor(Path(path).name, scale, why))

        if self.object_size != AUTO and hasattr(self.detector, "scale"):
            sentence = chosen_scale(self.object_size, self.detector.config, size, downscale)[1]
            scales.chosen |= {} if sentence is None else {sentence: None}
        scaled = at_object_size(self.detector, molded, self.object_size, size, downscale=downscale, tell=tell)
        with _watershed(self.detector, self.plain), scaled:
            began = time.perf_counter()
            found = detect_counted(self.detector, molded, self.min_score)
            seconds = time.perf_counter() - began
        if self.preparation:
            found = [self.preparation.placed_back(part, image.shape, pixel_size_nm) for part in found]
        for part in found:
            part.pixel_size_nm = pixel_size_nm
        return *found, seconds


@contextmanager
def _watershed(detector, plain):
    """Without seeds inside the block if `plain`, so that connected components are the objects."""
    if not plain:
        yield
        return
    before, detector.watershed = detector.watershed, replace(detector.watershed, seed_depth_px=None)
    try:
        yield
    finally:
        detector.watershed = before


def compare(domain, options):
    """Compare models according to the options; see `mrcnn.options.evaluate_arguments.compare_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if an image could not be read and the models were compared on the others.
    """
    refuse_without_dataset(options)
    runs, images, out = named_runs(options["models"]), ComparedImages(domain, options), Path(options["out"])
    by_boxes, reports, samples, figures = options.get("by") == BY_BOXES, {}, {}, {}
    for name, weights in runs.items():
        # Keep one model in memory at a time: a comparison needs no more memory than its largest model.
        peaks = restart_peak()
        for entry in entries_of(domain, name, weights, options):
            dataset = images.of(entry)
            chosen = shown_images(len(dataset.image_ids), options.get("pictures", 3))
            report, found, samples[entry.name] = scored(entry, dataset, chosen, options.get("iou", 0.5), by_boxes)
            costs = {"seconds_per_epoch": epoch_seconds(weights), "peak_mb": peak_mb() if peaks else None}
            reports[entry.name] = {**report, **costs}
            for i, objects in found.items():
                figures.setdefault(i, {})[entry.name] = objects
            peaks = restart_peak()
        del entry
        gc.collect()
    ranges, differences = compared(samples)
    for name, report in reports.items():
        report |= {"intervals": ranges[name], "difference_to_first": differences.get(name)}
    write_comparison(reports, out, {"models": {n: str(w) for n, w in runs.items()}})
    only_boxes = all(report["images_by_boxes"] == report["images"] for report in reports.values())
    for i, found in figures.items():
        draw(dataset, i, found, out, in_colours_of_classes=only_boxes or dataset.num_classes > 2)
    print(format_comparison(reports))
    print(f"\nThe table, all metrics and the figures are in {out}.")
    return exit_code(images.errors)


def named_runs(texts):
    """{name: path} for texts ``NAME=RUN``, or ``RUN``, which is named after its folder."""
    runs = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals:
            name, path = "", text
        path = path.strip()
        name = name.strip() or (Path(path).parent.name if Path(path).suffix else Path(path).name)
        if not path or not name:
            raise ConfigError(f"'{text}': write NAME=RUN, such as unet12=logs/unet20260101T1200.")
        if name in runs:
            raise ConfigError(f"Two models are named '{name}'. Give them different names: NAME=RUN.")
        runs[name] = path
    return runs


def entries_of(domain, name, weights, options):
    """The `Entry` of a run; with the option `plain` also one of a semantic model without its watershed.

    The option `flips` applies to semantic models only.
    """
    settings = {**options, "weights": weights}
    detector, min_score = scored_detector(domain, {**settings, "flips": False})
    if options.get("flips") and detector.config.SEMANTIC_MODEL:
        detector.flips = True
    # Synthetic images are never prepared, whatever the run was trained with.
    prepared = preparation(with_recorded(settings) if settings.get("dataset") else settings)
    size = weights_mb(detector)
    object_size = options.get("object_size") or PIXEL_SIZE
    check_object_size(object_size, detector.config)
    yield Entry(name, detector, prepared, size, min_score, object_size=object_size)
    if options.get("plain") and detector.config.SEMANTIC_MODEL:
        yield Entry(f"{name}, no watershed", detector, prepared, size, min_score, True, object_size)


def judged(entry, dataset, keep=(), iou=0.5, by_boxes=False):
    """Metrics of a model on a data set, and its objects in the images `keep`.

    Parameters
    ----------
    entry : Entry
    dataset : Dataset
    keep : sequence of int
        Ids of images.
    iou : float
        Minimum IoU of a match in the scores of the classes.
    by_boxes : bool
        Compare boxes even if the model and the image have masks; otherwise only if one of them has none.

    Returns
    -------
    dict
        As from `mrcnn.evaluate.joint.evaluate_all`, with `images_by_boxes`, `seconds_per_image` (the median, including
        objects of low scores) and `weights_mb`.
    dict of int to Instances
        The objects counted.
    """
    report, kept, sample = scored(entry, dataset, keep, iou, by_boxes)
    return {**report, "intervals": intervals(sample)}, kept


def scored(entry, dataset, keep=(), iou=0.5, by_boxes=False):
    """As `judged`, but with the `Sample` that the intervals are made of instead of these; says the scales used."""
    seconds, kept, scales = [], {}, Scales()

    def detect(image, image_id, pixel_size_nm):
        path = dataset.image_reference(image_id)
        if not seconds:
            entry.predict(image, pixel_size_nm, path)  # the first call compiles and is not timed
        found, counted, taken = entry.predict(image, pixel_size_nm, path, scales)
        seconds.append(taken)
        if image_id in keep:
            kept[image_id] = counted
        return found, counted

    outcome = judge(
        detect,
        dataset,
        lambda image_id: not by_boxes and compares_masks(entry.detector, dataset, image_id),
        entry.min_score,
        iou,
        lambda ids: tqdm(ids, desc=entry.name, unit="image", disable=None),
    )
    for sentence in scales.sentences():
        print(f"{entry.name}: {sentence}")
    costs = {"seconds_per_image": float(np.median(seconds)), "weights_mb": entry.megabytes}
    return {**outcome.report, **costs}, kept, outcome.sample


def shown_images(count, wanted):
    """Indices of `wanted` of `count` images, evenly spread, without preferring the ends."""
    wanted = min(wanted, count)
    return sorted({int((i + 0.5) * count / wanted) for i in range(wanted)})


def draw(dataset, image_id, found, out, in_colours_of_classes=False):
    """Write `compare_<image>.png`: the original, the ground truth and each model.

    In the colours of the classes, there is no panel of the original, and objects that have only a box are outlined by
    the box.
    """
    name = str(dataset.image_info[image_id]["id"])
    image, truth = dataset.load_image(image_id), dataset.load_instances(image_id)
    truth = truth.select(truth.class_ids > 0)  # a crowd is no object
    path = out / f"compare_{file_name(name)}.png"
    if not in_colours_of_classes:
        compare_models(image, truth, found, path, title=name)
        return
    panels = {"Ground truth": truth, **found}
    titles = [f"{title}: {len(objects)}" for title, objects in panels.items()]
    shown = [(image, objects) for objects in panels.values()]
    save_figure(show_classes(shown, dataset.class_names, titles, scores=True, outlines=True), path)
