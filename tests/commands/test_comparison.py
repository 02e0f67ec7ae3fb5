"""Comparison of several models on the same images: names, table, figures, mapping back, and refusals."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.ndimage import label

from mrcnn.commands import compared_images, comparison
from mrcnn.commands.comparison import Entry, compare, entries_of, named_runs, shown_images
from mrcnn.commands.comparison_table import format_comparison
from mrcnn.data.prepared import Preparation
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.results.watershed import WatershedSettings, instances_from_probability


class Semantic:
    """Stands for a `SemanticSegmenter` with the watershed of its run."""

    def __init__(self, config):
        config.SEMANTIC_MODEL = "unet"
        self.config, self.watershed = config, WatershedSettings(0.3, seed_depth_px=1.0)
        self.keras_model = SimpleNamespace(weights=[])

    def predict(self, images, pixel_size_nm=None, settings=None):
        return [
            instances_from_probability(image[..., 0] / 255, settings or self.watershed, pixel_size_nm)
            for image in images
        ]


class Brighter:
    """Stands for a model: each connected area brighter than a level is an object."""

    def __init__(self, config, level):
        self.config, self.level, self.shapes = config, level, []
        self.keras_model = SimpleNamespace(weights=[np.zeros((1000, 500), np.float32)])

    def predict(self, images, pixel_size_nm=None):
        self.shapes += [image.shape for image in images]
        return [
            Instances.from_label_image(label(image[..., 0] > self.level)[0], pixel_size_nm=pixel_size_nm)
            for image in images
        ]


@pytest.fixture
def stack(tmp_path):
    """Four pages with two objects each, one of them dim."""
    pages, truth = np.zeros((4, 40, 50), np.uint8), np.zeros((4, 40, 50), np.uint16)
    pages[:, 8:16, 8:16], pages[:, 20:28, 24:32] = 200, 100
    truth[:, 8:16, 8:16], truth[:, 20:28, 24:32] = 1, 2
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    tifffile.imwrite(tmp_path / "truth.tif", truth, photometric="minisblack")
    return tmp_path


@pytest.fixture
def compared(domain, stack, monkeypatch):
    """Compares models named after the brightness from which they see objects; gives exit code, folder, models."""
    models = {}

    def load(domain, options):
        level = options["weights"].rpartition("/")[2]
        models[level] = Brighter(domain.configs["small"](), int(level))
        return models[level], 0.7

    monkeypatch.setattr(comparison, "scored_detector", load)

    def call(*runs, **options):
        options = {
            "models": list(runs),
            "dataset": str(stack / "stack.tif"),
            "truth": str(stack / "truth.tif"),
            "out": str(stack / "out"),
            **options,
        }
        return compare(domain, options), stack / "out", models

    return call


def test_one_table_of_all_models_and_figures_of_some_images(compared, capsys):
    code, out, _ = compared("good=runs/50", "blind=runs/150", pictures=2)
    assert code == 0
    table = pd.read_csv(out / "comparison.csv").set_index("model")
    columns = ["foreground_iou", "threat_score_50", "f1_95", "missed"]
    assert table.loc["good", columns].tolist() == [1, 1, 1, 0]
    assert table.loc["blind", columns].tolist() == pytest.approx([0.5, 0.5, 2 / 3, 4])
    assert (table["weights_mb"] == 2).all() and (table["seconds_per_image"] >= 0).all()
    assert {p.name for p in out.iterdir()} == {
        "comparison.csv",
        "comparison.md",
        "comparison.json",
        "threat_scores.png",
        "compare_stack_0001.png",
        "compare_stack_0003.png",
    }
    said = capsys.readouterr().out
    assert "4 images, 8 true objects" in said and "threat score at 0.95" in said
    stored = json.loads((out / "comparison.json").read_text())
    assert stored["models"] == {"good": "runs/50", "blind": "runs/150"}
    assert len(stored["reports"]["good"]["per_image"]) == 4


def test_a_score_is_counted_from_that_of_each_model_on(compared):
    _, out, _ = compared("a=runs/50", pictures=0)
    table = pd.read_csv(out / "comparison.csv").iloc[0]
    assert (table["min_score"], table["images_by_boxes"], table["AP_mean"]) == (0.7, 0, 1)
    text = (out / "comparison.md").read_text()
    assert "| counted from score | 0.700 |" in text and "| COCO's AP | 1.000 [1.000, 1.000] |" in text
    assert "| s per training epoch | - |" in text and "by boxes" not in text and ", mean |" not in text


def test_preparation_of_the_images_replaces_that_of_the_training(compared, stack):
    _, out, models = compared("a=runs/50", pictures=0, keep_rows=(0, 32), downscale=4)
    assert set(models["50"].shapes) == {(8, 12, 1)}
    assert pd.read_csv(out / "comparison.csv")["objects_true"].tolist() == [8]  # still on whole images


def test_boxes_are_compared_on_request(compared):
    _, out, _ = compared("a=runs/50", pictures=1, by="boxes")
    assert json.loads((out / "comparison.json").read_text())["reports"]["a"]["iou_type"] == "bbox"
    assert "| images compared by boxes | 4 |" in (out / "comparison.md").read_text()
    assert len(list(out.glob("compare_*.png"))) == 1


def test_markdown_has_one_column_per_model(compared):
    _, out, _ = compared("good=runs/50", "blind=runs/150", pictures=0)
    lines = [line for line in (out / "comparison.md").read_text().splitlines() if line.startswith("|")]
    assert lines[0] == "|  | good | blind |"
    assert "| foreground IoU | 1.000 [1.000, 1.000] | 0.500 [0.500, 0.500] |" in lines
    assert "| missed | 0 | 4 |" in lines
    assert not list(out.glob("compare_*.png"))


def test_scores_have_intervals_and_differences_are_paired(compared, stack, capsys):
    truth = tifffile.imread(stack / "truth.tif")
    truth[:2, 30:35, 5:10] = 3  # an object that no model finds, in half of the images
    tifffile.imwrite(stack / "truth.tif", truth, photometric="minisblack")
    _, out, _ = compared("good=runs/50", "blind=runs/150", "again=runs/50", pictures=0)
    reports = json.loads((out / "comparison.json").read_text())["reports"]
    own = reports["good"]["intervals"]
    assert own["recall"]["0.50"] == pytest.approx([2 / 3, 1]) and own["draws"] == 1000
    assert reports["good"]["difference_to_first"] is None
    # 2 of 3 or 2 of 2 against 1 of 3 or 1 of 2: half of what the first finds, in every draw
    low, high = reports["blind"]["difference_to_first"]["recall"]["0.50"]
    assert [low, high] == pytest.approx([-0.5, -1 / 3])
    assert reports["again"]["difference_to_first"]["foreground_iou"] == [0, 0]
    said = capsys.readouterr().out
    assert "minus good" in said and "differences are of the same draws" in said
    lines = (out / "comparison.md").read_text().splitlines()
    assert "| minus good | blind | again |" in lines
    (line,) = [line for line in lines if line.startswith("| threat score at 0.50 | -")]
    assert line.endswith("| 0.000 [0.000, 0.000] |")
    table = pd.read_csv(out / "comparison.csv").set_index("model")
    assert table.loc["good", ["threat_score_50_low", "threat_score_50_high"]].tolist() == pytest.approx([2 / 3, 1])
    assert table["area_ratio_median"].tolist() == [1, 1, 1]


def test_one_image_has_no_interval_and_it_is_said(compared, capsys):
    _, out, _ = compared("a=runs/50", "b=runs/150", limit=1)
    said = capsys.readouterr().out
    assert "No intervals: they are by drawing from the images, which takes at least two." in said
    assert "[" not in said and "minus" not in said
    assert "foreground_iou_low" not in pd.read_csv(out / "comparison.csv")


def test_models_of_other_classes_are_named_with_both_lists(domain, stack, monkeypatch):
    classes = {"two": ("BG", "cell", "nucleus"), "turned": ("BG", "nucleus", "cell"), "one": ("BG", "cell")}

    def load(domain, options):
        names = classes.get(options["weights"])
        config = domain.configs["small"](NUM_CLASSES=4 if names is None else len(names), CLASS_NAMES=names)
        return Brighter(config, 50), 0.7

    monkeypatch.setattr(comparison, "scored_detector", load)
    monkeypatch.setattr(compared_images, "model_data", lambda *given: SimpleNamespace(class_names=classes["two"]))
    monkeypatch.setattr(compared_images, "judged_images", lambda *given: ([0], []))
    images = compared_images.ComparedImages(domain, {})
    images._by_channels[1] = SimpleNamespace(class_names=classes["two"])
    (first,) = entries_of(domain, "A", "two", {})
    images.of(first)
    for weights, message in (
        ("turned", "'B' has the classes nucleus, cell, but 'A' has the classes cell, nucleus. Compare only models"),
        ("one", "'B' has the class cell, but 'A' has the classes cell, nucleus"),
        ("unknown", "'B' has 3 classes, whose names its run does not record, but 'A' has the classes cell, nucleus"),
    ):
        (other,) = entries_of(domain, "B", weights, {})
        with pytest.raises(ConfigError, match=message):
            images.of(other)


def test_the_model_is_named_if_its_classes_are_not_those_of_the_images(compared, monkeypatch):
    def refuse(*given):
        raise ConfigError("NUM_CLASSES is 3")

    monkeypatch.setattr(compared_images, "model_data", refuse)
    with pytest.raises(ConfigError, match="The model 'a' cannot be compared on these images: NUM_CLASSES is 3"):
        compared("a=runs/50")


def test_the_scale_of_each_model_is_said_with_its_reason(domain, stack, monkeypatch, capsys):
    def load(domain, options):
        detector = Brighter(domain.configs["small"](TRAINED_OBJECT_PX=[4, 5, 6], TRAINED_SCALE=1.0), 50)
        detector.scale = None
        predict = detector.predict
        detector.predict = lambda images, pixel_size_nm=None, tile="auto": predict(images)
        return detector, 0.7

    monkeypatch.setattr(comparison, "scored_detector", load)
    options = {"dataset": str(stack / "stack.tif"), "truth": str(stack / "truth.tif"), "pictures": 0}
    options |= {"models": ["a=1", "b=2"], "out": str(stack / "out")}
    compare(domain, {**options, "object_size": 10.0})
    said = capsys.readouterr().out.splitlines()
    sentence = "Images are detected at 50 % of their size: objects of 10 pixels are brought to the size of those in"
    assert [line.startswith(f"{name}: {sentence}") for name, line in zip("ab", said)] == [True, True]
    compare(domain, {**options, "object_size": "auto"})
    said = [line for line in capsys.readouterr().out.splitlines() if " detected at " in line]
    assert [line[:3] for line in said] == ["a: ", "b: "] and all(line.count("(") for line in said)


def test_the_first_image_is_not_timed_because_it_compiles(compared):
    *_, models = compared("a=runs/50", limit=2)
    assert len(models["50"].shapes) == 3


def test_a_model_of_reduced_images_is_evaluated_on_whole_ones(compared, stack):
    run = stack / "50"
    run.mkdir()
    (run / "best.h5").touch()
    (run / "training.json").write_text(json.dumps({"keep_rows": [0, 32], "downscale": 4}))
    _, out, models = compared(f"reduced={run}", "whole=runs/50", pictures=0)
    table = pd.read_csv(out / "comparison.csv").set_index("model")
    assert table["objects_true"].tolist() == [8, 8]
    assert table.loc["reduced", "threat_score_50"] == table.loc["whole", "threat_score_50"] == 1
    assert table.loc["reduced", "foreground_iou"] < 1


def test_watershed_against_connected_components(domain, tmp_path, monkeypatch):
    y, x = np.mgrid[:40, :50]
    labels = np.where(np.hypot(y - 20, x - 14) < 9, 1, np.where(np.hypot(y - 20, x - 31) < 9, 2, 0))
    tifffile.imwrite(tmp_path / "s.tif", ((labels[None] > 0) * 200).astype(np.uint8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "t.tif", labels[None].astype(np.uint16), photometric="minisblack")
    monkeypatch.setattr(comparison, "scored_detector", lambda domain, options: (Semantic(domain.configs["small"]()), 0))
    compare(
        domain,
        {
            "models": ["unet=run"],
            "plain": True,
            "dataset": str(tmp_path / "s.tif"),
            "pictures": 1,
            "truth": str(tmp_path / "t.tif"),
            "out": str(tmp_path / "out"),
        },
    )
    table = pd.read_csv(tmp_path / "out" / "comparison.csv").set_index("model")
    assert table["objects_found"].to_dict() == {"unet": 2, "unet, no watershed": 1}
    assert table["merged"].to_dict() == {"unet": 0, "unet, no watershed": 1}
    assert table.loc["unet", "threat_score_50"] == 1 > table.loc["unet, no watershed", "threat_score_50"]


def test_images_that_cannot_be_read_are_named_and_left_out_for_all(compared, stack, capsys):
    truth = tifffile.imread(stack / "truth.tif").astype(np.int16)
    truth[2] = -1
    tifffile.imwrite(stack / "truth.tif", truth, photometric="minisblack")
    code, out, _ = compared("a=runs/50", "b=runs/150", pictures=0, dataset_option=[("mode", "instances")])
    assert code == 1
    assert "negative label" in capsys.readouterr().err
    assert pd.read_csv(out / "comparison.csv")["images"].tolist() == [3, 3]


def test_nothing_to_compare_on_is_an_error(compared, stack):
    tifffile.imwrite(stack / "truth.tif", np.full((4, 40, 50), -1, np.int16), photometric="minisblack")
    with pytest.raises(DataError, match="no image that can be used for the comparison"):
        compared("a=runs/50", dataset_option=[("mode", "instances")])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["unet=logs/u", "mask = logs/m"], {"unet": "logs/u", "mask": "logs/m"}),
        (["logs/u", "logs/m/best.h5"], {"u": "logs/u", "m": "logs/m/best.h5"}),
    ],
)
def test_models_have_names(texts, expected):
    assert named_runs(texts) == expected


@pytest.mark.parametrize("texts", [["a=1", "a=2"], ["a="], ["logs/u", "other/u"]])
def test_names_that_do_not_tell_models_apart_are_refused(texts):
    with pytest.raises(ConfigError, match="NAME=RUN"):
        named_runs(texts)


@pytest.mark.parametrize(
    ("count", "wanted", "expected"), [(35, 2, [8, 26]), (3, 5, [0, 1, 2]), (1, 1, [0]), (5, 0, [])]
)
def test_images_shown_are_spread(count, wanted, expected):
    assert shown_images(count, wanted) == expected


def test_what_is_not_defined_is_a_dash(compared):
    _, out, _ = compared("a=runs/50", pictures=0)
    report = json.loads((out / "comparison.json").read_text())["reports"]["a"]
    report["f1"]["0.50"] = None
    assert "F1 at 0.50" in format_comparison({"a": report}) and " -" in format_comparison({"a": report})


def test_flips_are_for_the_semantic_models_among_the_compared(domain, monkeypatch):
    def load(domain, options):
        assert not options["flips"]  # refused for a Mask R-CNN
        config = domain.configs["small"]()
        return Semantic(config) if options["weights"] == "unet" else Brighter(config, 0), 0.5

    monkeypatch.setattr(comparison, "scored_detector", load)
    (unet,), (mask,) = (entries_of(domain, name, name, {"flips": True}) for name in ("unet", "mask"))
    assert unet.detector.flips and not hasattr(mask.detector, "flips") and mask.min_score == 0.5


def test_an_object_size_is_in_pixels_of_the_images_as_given(detector):
    scales, predict = set(), detector.predict
    detector.scale, detector.config.TRAINED_OBJECT_PX = None, [5, 10, 15]
    detector.predict = lambda images: scales.add(detector.scale) or predict(images)
    entry = Entry("a", detector, Preparation(downscale=2), 1.0, 0.5, object_size=40.0)
    entry.predict(np.zeros((40, 50, 1), np.uint8), None, "a.tif")
    assert scales == {0.5}


def test_synthetic_images_are_not_prepared_as_in_the_training(domain, detector, tmp_path, monkeypatch):
    (tmp_path / "best.h5").touch()
    (tmp_path / "training.json").write_text(json.dumps({"downscale": 4}))
    monkeypatch.setattr(comparison, "scored_detector", lambda domain, options: (detector, 0.5))
    monkeypatch.setattr(comparison, "weights_mb", lambda detector: 1.0)
    (synthetic,), (files,) = (entries_of(domain, "a", str(tmp_path), given) for given in ({}, {"dataset": "folder"}))
    assert not synthetic.preparation and files.preparation.downscale == 4
