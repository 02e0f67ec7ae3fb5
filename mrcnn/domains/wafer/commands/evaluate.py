"""Evaluate a model on folders of wafer patches, or on a whole labelled wafer with one or all tiling rules."""

import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.commands.datasets import evaluation_data, exit_code, judged_images
from mrcnn.commands.evaluation import draw_worst
from mrcnn.commands.older_runs import complete_older_run
from mrcnn.commands.scaling import PIXEL_SIZE, at_object_size, check_object_size
from mrcnn.commands.settings import load_detector
from mrcnn.domains.wafer.commands.arguments import RULES
from mrcnn.domains.wafer.commands.labels import labels_for
from mrcnn.domains.wafer.commands.pixel_size import pixel_size_um
from mrcnn.domains.wafer.commands.predict import at_learnt_scale, detect, open_stack, trained_order
from mrcnn.domains.wafer.evaluate.sections import evaluate_sections, format_sections, image_scores
from mrcnn.domains.wafer.plot.overview import draw_wafer
from mrcnn.domains.wafer.sections.export import write_sections_csv
from mrcnn.domains.wafer.sections.sections import known_sections, pair_sections
from mrcnn.errors import ConfigError
from mrcnn.evaluate.report import evaluate_set, worst_images
from mrcnn.evaluate.text import format_table
from mrcnn.files import write_json
from mrcnn.hardware import one_operation_at_a_time
from mrcnn.inference.tiling import TilePlan
from mrcnn.plot.instances import compare_truth

_AROUND = 4  # side of an image of an error, in lengths of a section


def evaluate_wafer(domain, options):
    """Evaluate with the options of `mrcnn.domains.wafer.commands.arguments.evaluate_wafer_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if a patch could not be read and the other patches were evaluated.
    """
    given = [f"--{name}" for name in ("channels", "labels") if options.get(name)]
    if given and options.get("dataset"):
        raise ConfigError(
            f"--dataset cannot be combined with {given[0]}. Evaluate patches and a whole wafer in two separate runs."
        )
    if len(given) == 1:
        raise ConfigError(
            f"{given[0]} alone is not enough: a whole wafer needs its images (--channels) and its labels (--labels)."
        )
    return _whole_wafer(domain, options) if given else _patches(domain, options)


def _whole_wafer(domain, options):
    stack = open_stack(options)
    size = options.get("pixel_size_nm")
    size = pixel_size_um(stack, None if size is None else tuple(v / 1e3 for v in size))
    options = {**options, "pixel_size_um": size}
    labels = labels_for(options["labels"], options.get("labels_scale"), stack.shape[:2], kept="each counts once.")
    labels.check_inside(stack.shape[:2], options["labels"])
    gt = labels.instances()
    gt_sections = known_sections(
        [s.tissue for s in labels.sections], [s.magnet for s in labels.sections], [s.number for s in labels.sections]
    )
    one_operation_at_a_time()
    detector = load_detector(domain, options)
    complete_older_run(domain, detector, options["weights"])
    options = at_learnt_scale(detector, stack, options, Path(options["out"]) / "tiles")
    out, reports, begun = Path(options["out"]), {}, set()
    for rule in RULES if options["rule"] == "all" else (options["rule"],):
        # The rules "centre" and "merge" use the same tiles, so detection runs only once for both.
        # The rule "corner" was called "seed" when the first folders of tiles were written.
        old = rule == "corner" and (out / "tiles_seed").is_dir()
        tiles = out / ("tiles_seed" if old else "tiles_corner" if rule == "corner" else "tiles")
        started = time.perf_counter()
        found = detect(detector, stack, {**options, "resume": options.get("resume") or tiles in begun}, tiles, rule)
        begun.add(tiles)
        seconds = time.perf_counter() - started
        sections = pair_sections(found)
        windows = TilePlan(stack.shape, options["tile"], options.get("overlap") or options["tile"] // 4, rule).windows
        reports[rule] = {
            **evaluate_sections(gt, gt_sections, found, sections, windows),
            "tiles": len(windows),
            "seconds": round(seconds, 2),
        }
        print(f"\nRule {rule}, {len(windows)} tiles, {seconds:.0f} s\n{format_sections(reports[rule])}")
        folder = out / rule if options["rule"] == "all" else out
        write_sections_csv(folder / "sections.csv", sections, pixel_size_um=size)
        draw_wafer(stack, found, sections, folder / "sections_overlay.png", title=f"rule {rule}")
        _draw_errors(stack, gt, found, reports[rule]["errors"][: options.get("worst", 5)], folder)
    content = {
        "weights": str(options["weights"]),
        "labels": str(options["labels"]),
        "found_at_scale": options["found_at_scale"],
        **({"rules": reports} if len(reports) > 1 else reports[options["rule"]]),
    }
    write_json(out / "metrics.json", content)
    print(f"\nThe metrics and the images of the errors are in {out}.")
    return 0


def _draw_errors(stack, gt, found, errors, folder):
    """Draw ground truth and detections side by side around each of these errors, in the first channel."""
    sides = (gt.boxes[:, 2:] - gt.boxes[:, :2]).max(axis=1)
    side = int(_AROUND * np.median(sides)) if len(sides) else 0
    for place, error in enumerate(errors, start=1):
        y, x = (
            int(np.clip(error[name] - side / 2, 0, max(0, length - side)))
            for name, length in (("y_px", stack.shape[0]), ("x_px", stack.shape[1]))
        )
        height, width = min(side, stack.shape[0] - y), min(side, stack.shape[1] - x)
        own, seen = (objects.moved((-y, -x), (height, width)) for objects in (gt, found))
        compare_truth(
            stack.read(y, x, y + height, x + width)[..., :1],
            own,
            seen,
            folder / f"error_{place}_section_{error['section_id']}_{error['state']}.png",
            title=f"section {error['section_id']}, {error['state']}: row {y}, column {x}",
        )


def _patches(domain, options):
    one_operation_at_a_time()
    detector = load_detector(domain, options)
    given = dict(options.get("dataset_option") or ())
    order = options.get("order") or trained_order(options["weights"])
    if options.get("dataset") and order:
        options = {**options, "dataset_option": list({"channels": ",".join(order), **given}.items())}
    dataset = evaluation_data(domain, options)
    detector.config.validate(dataset.class_names)
    ids, errors = judged_images(dataset, options, thing="patch")
    choice, said = options.get("object_size") or PIXEL_SIZE, set()
    check_object_size(choice, detector.config)
    truths, found = [], []
    for image_id in tqdm(ids, unit="patch", disable=None):
        truths.append(dataset.load_instances(image_id))
        image = dataset.load_image(image_id)
        with at_object_size(detector, image, choice, dataset.pixel_size_nm(image_id), said):
            found.append(detector.predict([image])[0])
    names = [str(dataset.image_info[i]["id"]) for i in ids]
    report = evaluate_set(truths, found, dataset.class_names, names, intervals=True)
    scores = [image_scores(gt, seen) for gt, seen in zip(truths, found)]
    # Metrics of the first wafer projects: AP and recall of boxes at IoU 0.5, averaged over patches.
    report["map_50_boxes"], report["mean_recall_50_boxes"] = (
        float(np.mean([s[name] for s in scores])) for name in ("ap_50_boxes", "recall_50_boxes")
    )
    out = Path(options["out"])
    write_json(out / "metrics.json", {"weights": str(options["weights"]), **report})
    for place, i in enumerate(worst_images(report, options.get("worst", 5)), start=1):
        image = dataset.load_image(ids[i])[..., :1]
        draw_worst(image, truths[i], found[i], out, place, report["per_image"][i]["name"], dataset.class_names)
    print(format_table(report))
    print(
        f"{'mAP of boxes at 0.50':24}{report['map_50_boxes']:8.3f}\n"
        f"{'mean recall of boxes':24}{report['mean_recall_50_boxes']:8.3f}"
    )
    print(f"\nThe metrics and the images of the worst patches are in {out}.")
    return exit_code(errors, "patches")
