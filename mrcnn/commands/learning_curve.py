"""Learning curve: repeat a training with increasing numbers of images, and evaluate on the same test images."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from mrcnn.commands.datasets import classes_of, evaluation_data, fitted_data
from mrcnn.commands.domain import Domain
from mrcnn.commands.settings import new_config, new_model
from mrcnn.commands.training import augmentation_of, keep_watershed, load_start, options_of_many, plan, recipe_of
from mrcnn.commands.training_scale import at_learnt_size
from mrcnn.data.class_lists import check_same_classes
from mrcnn.errors import ConfigError
from mrcnn.files import read_json, write_json
from mrcnn.inference.evaluation import evaluate_dataset
from mrcnn.options.learning_curve_arguments import CurveOptions
from mrcnn.plot.comparison import plot_learning_curve
from mrcnn.results.measure import write_csv
from mrcnn.training.run import has_images

RESULT, OPTIONS = "result.json", "options.json"
_VARIED = ("images", "seeds", "out", "model")  # between the trainings of a curve, or the curves of a table
_JUDGED_ON = ("dataset", "truth", "dataset_option", "test_slices", "test_dataset", "test_truth")
# How a network is taught from annotations, not which objects there are: differs between the networks of one table.
_OF_THE_NETWORK = ("outlines", "boxes_as_masks")
_SCORES = ("threat_score", "f1")
_SUMMARISED = ("foreground_iou", "threat_score_50", "f1_50")


def learning_curve(domain: Domain, options: CurveOptions) -> int:
    """Train on each number of images with each seed, and evaluate; see `learning_curve_parser`.

    Returns
    -------
    int
        Exit code.
    """
    if options.seeds and len(options.seeds) == 1 and options.seeds[0] > 1:
        every = ",".join(map(str, range(options.seeds[0])))
        print(f"Only the seed {options.seeds[0]} is used; for {options.seeds[0]} seeds give --seeds {every}.")
    training = options_of_many(options.training)
    config, train_data, validation_data = fitted_data(domain, training)
    test_data = judging_data(domain, training, options, config.IMAGE_CHANNEL_COUNT, classes_of(domain, train_data))
    check_same_classes(train_data, test_data, "test")
    counts, available = options.images, len(train_data.image_ids)
    if counts[-1] > available:
        raise ConfigError(f"--images {counts[-1]}: there are only {available} training images.")
    if config.STEPS_PER_EPOCH is None:
        whole = recipe_of(config).batches(
            train_data.subset(choose_images(available, counts[-1])), config, None, None, epoch=0, first_step=0
        )
        training = replace(training, steps=whole.steps)
    train_data, validation_data = at_learnt_size(config, training, train_data, validation_data)
    out = Path(options.out)
    folder = out / (config.SEMANTIC_MODEL or ("mask" if config.USE_MASK_HEAD else "faster"))
    keep_options(folder, replace(options, training=training))
    for count in counts:
        for seed in options.seeds or [0]:
            place = folder / f"{count:04d}_images_seed_{seed}"
            if not (place / RESULT).is_file():
                chosen = train_data.subset(choose_images(available, count, options.blocks, seed))
                print(f"\n{folder.name} on {count} images, seed {seed}", flush=True)
                own = replace(training, seed=seed), chosen, validation_data, test_data, place
                found = one_run(domain, *own, rescaled=config.TRAINED_RESCALED)
                write_json(place / RESULT, {"model": folder.name, "images": count, "seed": seed, **found})
            table = report_curve(out)
    print(f"\n{format_curve(table)}\n\nThe tables and the figures are in {out}.")
    return 0


def judging_data(domain, training, options, channels, defaults=None):
    """The test images, which are used neither for training nor for validation; `defaults`: as of `evaluation_data`."""
    given = training.given()
    if options.test_dataset:
        own = {"dataset": options.test_dataset, "slices": None, "truth": options.test_truth}
        return evaluation_data(domain, {**given, **own}, channels, defaults)
    if not training.dataset:
        return evaluation_data(domain, given, channels, defaults)
    if not options.test_slices:
        raise ConfigError("No test images given: use --test-slices FIRST:END of the stack, or --test-dataset.")
    first, end = options.test_slices
    for name in ("slices", "validation_slices"):
        low, high = getattr(training, name) or ((0, np.inf) if name == "slices" else (0, 0))
        if low < end and first < high:
            raise ConfigError(
                f"--test-slices {first}:{end} and --{name.replace('_', '-')} overlap. Use disjoint ranges."
            )
    return evaluation_data(domain, {**given, "slices": options.test_slices}, channels, defaults)


def choose_images(available, count, blocks=None, seed=0):
    """Indices of `count` of `available` images: runs of neighbours, evenly spread, shifted a little by the seed."""
    blocks = count if blocks is None else min(blocks, count)
    sizes = np.array([len(part) for part in np.array_split(np.arange(count), blocks)])
    places = (np.arange(blocks) + np.random.default_rng(seed).random(blocks)) / blocks
    free = (places * (available - count + 1)).astype(int)  # images skipped before each run, ascending
    starts = np.concatenate([[0], sizes.cumsum()[:-1]]) + free
    return np.concatenate([np.arange(start, start + size) for start, size in zip(starts, sizes)])


def one_run(domain, options, train_data, validation_data, test_data, place, rescaled=None):
    """Train one model, or continue an interrupted training, and evaluate its best epoch.

    `rescaled` is the factor by which the images for training and validation were resized, see `at_learnt_size`.

    Returns
    -------
    dict
        `report`, as from `mrcnn.evaluate.report.evaluate_set`, `epochs`, and the `minutes` that these took, including
        those before an interruption.
    """
    keras.backend.clear_session()
    config = new_config(domain, options, train_data)
    config.TRAINED_RESCALED = rescaled
    model = new_model("training", config, place)
    if not model.resume():
        load_start(model, options)
        model.set_log_dir()
    augmentation = (domain.augmentation or augmentation_of)(options.augmentation)
    for layers, learning_rate, epochs in plan(options, config):
        limit = {"epochs": epochs} if epochs is not None else {"hours": options.hours}
        history = model.train(
            train_data, validation_data, learning_rate, layers=layers, augmentation=augmentation, verbose=0, **limit
        )
    epochs = model.epoch
    if config.SEMANTIC_MODEL and has_images(validation_data):
        keep_watershed(model, validation_data)
    else:
        model.load_weights(model.log_dir, verbose=0)
    report, _ = evaluate_dataset(model, test_data)
    return {"epochs": epochs, "minutes": sum(row["seconds"] for row in history) / 60, "report": report}


def keep_options(folder, options):
    """Record the options that affect the scores; refuse runs with other options in one curve, and other test images in
    one table.
    """
    own = {name: value for name, value in vars(options).items() if name != "training" and value is not None}
    now = {name: value for name, value in {**options.training.given(), **own}.items() if name not in _VARIED}
    now, own = json.loads(json.dumps(now)), folder / OPTIONS
    for path in sorted(folder.parent.glob(f"*/{OPTIONS}")):
        then = _read_options(path)
        names, read = (sorted({*then, *now}), _option) if path == own else (_JUDGED_ON, _option_of_images)
        changed = [n for n in names if read(then, n) != read(now, n)]
        if changed:
            raise ConfigError(
                f"{path.parent} holds runs with a different {changed[0]}: {then.get(changed[0])!r} before, "
                f"{now.get(changed[0])!r} now. Use the same options, or choose another --out."
            )
    if not own.is_file():
        write_json(own, now)


def _option(options, name):
    return options.get(name)


def _option_of_images(options, name):
    """An option, of `dataset_option` only what tells which objects there are."""
    value = options.get(name)
    if name != "dataset_option" or not value:
        return value
    return [pair for pair in value if pair[0] not in _OF_THE_NETWORK] or None


def _read_options(path):
    try:
        return read_json(path)
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be read ({error}). Choose another --out.") from error


def report_curve(out):
    """Write `runs.csv`, `summary.csv` and the figures for all runs in a folder, of every model; returns the runs."""
    rows = []
    for path in sorted(out.glob(f"*/*/{RESULT}")):
        try:
            rows.append(_row(read_json(path)))
        except (ValueError, KeyError) as error:
            raise ConfigError(
                f"{path}: is not a valid result file ({error!r}). Remove it, and the run will be evaluated again."
            ) from error
    table = pd.DataFrame(rows).sort_values(["model", "images", "seed"], kind="stable")
    write_csv(table, out / "runs.csv")
    write_csv(summary_of(table), out / "summary.csv")
    plot_learning_curve(table, out / "foreground_iou.png")
    plot_learning_curve(table, out / "threat_score.png", score="threat_score_50", label="Threat score at IoU 0.5")
    return table


def summary_of(table):
    """Per model and number of images: the number of runs, and mean, lowest and highest of each score over the seeds."""
    groups = table.groupby(["model", "images"], sort=False)
    summary = groups.size().rename("runs").reset_index()
    for score in _SUMMARISED:
        for column, of_group in ((score, "mean"), (f"{score}_min", "min"), (f"{score}_max", "max")):
            summary[column] = groups[score].agg(of_group).to_numpy()
    return summary


def format_curve(table):
    """The runs as text and, if a number of images was trained with several seeds, mean and range over them."""
    text, summary = table.to_string(index=False), summary_of(table)
    if (summary["runs"] > 1).any():
        shown = summary[["model", "images", "runs"]].copy()
        for score in _SUMMARISED:
            ranges = zip(*(summary[f"{score}{end}"] for end in ("", "_min", "_max")), strict=True)
            shown[score] = ["{:.3f} ({:.3f} to {:.3f})".format(*values) for values in ranges]
        text += (
            f"\n\nMean over the seeds, and in parentheses the lowest and the highest:\n{shown.to_string(index=False)}"
        )
    if table["images_by_boxes"].nunique() > 1:
        text += (
            "\n\nSome networks are compared by masks, others by boxes (images_by_boxes): their scores differ in kind."
        )
    return text


def _row(result):
    report = result["report"]
    row = {name: result[name] for name in ("model", "images", "seed")}
    row |= {name: report[name] for name in ("foreground_iou", "dice")}
    row |= {f"{score}_50": report[score]["0.50"] for score in _SCORES}
    row |= {name: report["errors"][name] for name in ("split", "merged", "missed", "false")}
    row["images_by_boxes"] = report.get("images_by_boxes", 0)
    return row | {"epochs": result["epochs"], "minutes": round(result["minutes"], 2)}
