"""The learning curve: choice of images, number of steps, test images, resuming, and figures."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

from mrcnn.commands import learning_curve as module
from mrcnn.commands.learning_curve import choose_images, learning_curve
from mrcnn.data.scaled import ScaledDataset
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.options.learning_curve_arguments import CurveOptions, learning_curve_parser
from mrcnn.options.training_options import TrainingOptions


class Pretender:
    """Stands for a model: what is brighter than a level is an object, and the level falls with the number of images."""

    made = []

    def __init__(self, config, folder):
        self.config, self.folder, self.log_dir, self.epoch, self.trained_on = config, folder, folder / "run", 0, []
        self.made.append(self)

    def resume(self):
        return False

    def set_log_dir(self):
        pass

    def load_weights(self, path, verbose):
        assert path == self.log_dir

    def train(self, train, validation, learning_rate, layers, augmentation, verbose, epochs):
        self.data = train, validation
        self.trained_on, self.epoch = sorted(train.image_info[i]["page"] for i in train.image_ids), epochs
        return [{"epoch": epoch + 1, "seconds": 45.0} for epoch in range(epochs)]

    def predict(self, images, pixel_size_nm=None):
        level = 150 if len(self.trained_on) < 4 else 50
        return [Instances.from_label_image(label(image[..., 0] > level)[0]) for image in images]


@pytest.fixture
def stack(tmp_path):
    """Twelve pages with a bright and a dim object."""
    pages = np.zeros((12, 40, 50), np.uint8)
    pages[:, 8:16, 8:16], pages[:, 20:28, 24:32] = 200, 100
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    tifffile.imwrite(tmp_path / "truth.tif", (pages > 0).astype(np.uint8) * 255, photometric="minisblack")
    return tmp_path


@pytest.fixture
def curve(domain, stack, monkeypatch):
    """Runs the script on the stack with models that learn nothing; returns the folder."""
    monkeypatch.setattr(module, "new_model", lambda mode, config, folder: Pretender(config, folder))
    monkeypatch.setattr(module, "load_start", lambda model, options: None)
    monkeypatch.setattr(Pretender, "made", [])

    def call(*words, judged=("--test-slices", "9:12")):
        given = learning_curve_parser("x").parse_args(
            [
                "--dataset",
                str(stack / "stack.tif"),
                "--truth",
                str(stack / "truth.tif"),
                "--slices",
                "0:8",
                "--validation-slices",
                "8:9",
                "--epochs",
                "2",
                "--small",
                "--out",
                str(stack / "out"),
                *judged,
                *words,
            ]
        )
        assert learning_curve(domain, CurveOptions.of(vars(given))) == 0
        return stack / "out"

    return call


def test_every_number_is_trained_with_every_seed_and_evaluated_on_the_same_images(curve):
    out = curve("--images", "2,6", "--seeds", "0,1")
    table = pd.read_csv(out / "runs.csv")
    assert table[["model", "images", "seed"]].values.tolist() == [["mask", n, s] for n in (2, 6) for s in (0, 1)]
    assert table["foreground_iou"].tolist() == [0.5, 0.5, 1, 1]
    assert table["threat_score_50"].tolist() == [0.5, 0.5, 1, 1]
    assert table["missed"].tolist() == [3, 3, 0, 0]
    assert table["minutes"].tolist() == [1.5] * 4
    assert [len(m.trained_on) for m in Pretender.made] == [2, 2, 6, 6]
    assert all(set(m.trained_on) <= set(range(8)) for m in Pretender.made)
    assert {m.config.SEED for m in Pretender.made} == {0, 1}
    assert {"foreground_iou.png", "threat_score.png", "mask"} <= {p.name for p in out.iterdir()}


@pytest.mark.long
def test_mean_and_range_over_the_seeds_are_in_the_table(curve, capsys):
    out = curve("--images", "2,6", "--seeds", "0,1,2")
    summary = pd.read_csv(out / "summary.csv")
    assert summary[["model", "images", "runs"]].values.tolist() == [["mask", 2, 3], ["mask", 6, 3]]
    assert summary["foreground_iou"].tolist() == summary["foreground_iou_max"].tolist() == [0.5, 1]
    assert "0.500 (0.500 to 0.500)" in capsys.readouterr().out
    curve("--images", "4", "--seeds", "3")
    said = capsys.readouterr().out
    assert "Only the seed 3 is used; for 3 seeds give --seeds 0,1,2." in said


def test_mean_and_range_are_over_the_seeds_of_one_number_of_images():
    rows = [("mask", 2, 0.5), ("mask", 2, 0.7), ("mask", 6, 0.9), ("unet", 2, 0.1)]
    table = pd.DataFrame(rows, columns=["model", "images", "foreground_iou"]).assign(images_by_boxes=0)
    table["threat_score_50"] = table["f1_50"] = table["foreground_iou"]
    columns = ["runs", "foreground_iou", "foreground_iou_min", "foreground_iou_max"]
    assert module.summary_of(table)[columns].values.tolist() == [
        [2, pytest.approx(0.6), 0.5, 0.7],
        [1, 0.9, 0.9, 0.9],
        [1, 0.1, 0.1, 0.1],
    ]
    assert "0.600 (0.500 to 0.700)" in module.format_curve(table)
    assert "parentheses" not in module.format_curve(table[2:]) and "boxes" not in module.format_curve(table)[200:]
    table.loc[3, "images_by_boxes"] = 3
    assert "others by boxes" in module.format_curve(table)


def test_networks_that_are_taught_from_other_parts_of_the_annotations_share_a_table(tmp_path):
    def options(**reading):
        training = TrainingOptions(dataset="cells", dataset_option=[("classes", ["a"]), *reading.items()])
        return CurveOptions(training=training, images=[2])

    module.keep_options(tmp_path / "mask", options())
    module.keep_options(tmp_path / "faster", options(outlines=False))
    module.keep_options(tmp_path / "filled", options(boxes_as_masks=True))
    with pytest.raises(ConfigError, match="different dataset_option"):
        module.keep_options(tmp_path / "other", options(difficult="drop"))
    with pytest.raises(ConfigError, match="different dataset_option"):
        module.keep_options(tmp_path / "mask", options(outlines=False))


def test_all_trainings_take_the_same_number_of_steps(curve, domain, monkeypatch):
    monkeypatch.setattr(domain.configs["small"], "STEPS_PER_EPOCH", None)
    curve("--images", "2,6", "--batch", "2")
    assert [m.config.STEPS_PER_EPOCH for m in Pretender.made] == [3, 3]


def test_what_is_done_is_not_repeated_and_other_options_are_refused(curve):
    curve("--images", "2,6")
    out = curve("--images", "2,6", "--seeds", "0,1")
    assert len(Pretender.made) == 4 == len(pd.read_csv(out / "runs.csv"))
    with pytest.raises(ConfigError, match="different learning_rate: None before, 0.5 now"):
        curve("--images", "2,6", "--learning-rate", "0.5")


def test_models_in_one_table_are_evaluated_on_the_same_images(curve, stack):
    curve("--images", "6")
    (stack / "out" / "mask").rename(stack / "out" / "unet")  # as if of another model
    with pytest.raises(
        ConfigError, match=r"unet holds runs with a different test_slices: \[9, 12\] before, \[10, 12\] now"
    ):
        curve("--images", "6", judged=["--test-slices", "10:12"])
    curve("--images", "6", "--learning-rate", "0.5")
    (stack / "out" / "unet" / "options.json").write_text("{cut")
    with pytest.raises(ConfigError, match="options.json: cannot be read"):
        curve("--images", "6", "--learning-rate", "0.5")


def test_a_result_that_is_cut_off_is_named(curve):
    out = curve("--images", "6")
    path = next(out.rglob("result.json"))
    path.write_text(json.dumps({"model": "mask"}))
    with pytest.raises(ConfigError, match="result.json: is not a valid result"):
        curve("--images", "6")


@pytest.mark.parametrize(
    ("words", "judged", "message"),
    [
        (["--images", "9"], ["--test-slices", "9:12"], "only 8 training images"),
        (["--images", "2"], [], "No test images given"),
        (["--images", "2", "--weights", "last"], ["--test-slices", "9:12"], "Give that run.s folder"),
        (["--images", "2"], ["--test-slices", "7:12"], "--slices overlap"),
        (["--images", "2"], ["--test-slices", "8:10"], "--validation-slices overlap"),
    ],
)
def test_invalid_choices_of_images_are_refused(curve, words, judged, message):
    with pytest.raises(ConfigError, match=message):
        curve(*words, judged=judged)
    assert not Pretender.made


def test_evaluation_on_a_separate_data_set(curve, stack):
    pages = np.full((1, 40, 50), 100, np.uint8)
    pages[:, 30:] = 0
    tifffile.imwrite(stack / "other.tif", pages, photometric="minisblack")
    tifffile.imwrite(stack / "other_truth.tif", (pages > 0).astype(np.uint8) * 255, photometric="minisblack")
    out = curve(
        "--images",
        "2,6",
        judged=["--test-dataset", str(stack / "other.tif"), "--test-truth", str(stack / "other_truth.tif")],
    )
    assert pd.read_csv(out / "runs.csv")["foreground_iou"].tolist() == [0, 1]


@given(st.integers(1, 60), st.data())
def test_images_are_different_and_exist(available, data):
    count = data.draw(st.integers(1, available))
    blocks = data.draw(st.none() | st.integers(1, 70))
    chosen = choose_images(available, count, blocks, data.draw(st.integers(0, 9)))
    assert len(chosen) == len(set(chosen.tolist())) == count
    assert chosen.min() >= 0 and chosen.max() < available
    assert (np.diff(chosen) > 0).all()
    if blocks is not None:
        assert np.count_nonzero(np.diff(chosen) > 1) < blocks


def test_images_are_spread_over_the_stack_and_differ_by_seed():
    chosen = choose_images(120, 12, seed=0)
    assert np.array_equal(np.unique(chosen // 11)[:2], [0, 1]) and np.diff(chosen).max() <= 20
    assert chosen.tolist() != choose_images(120, 12, seed=1).tolist()
    assert np.diff(choose_images(120, 12, 1)).tolist() == [1] * 11
    assert choose_images(7, 7, seed=3).tolist() == list(range(7))


def test_options_of_a_learning_curve():
    given = vars(
        learning_curve_parser("x").parse_args(
            "--images 40,12,165 --seeds 1,0 --blocks 3 --test-slices 130:165 --model unet --hours 2".split()
        )
    )
    assert given == {
        "images": [12, 40, 165],
        "seeds": [0, 1],
        "blocks": 3,
        "test_slices": (130, 165),
        "network": "unet",
        "hours": 2,
    }
    for wrong in (["--images", "0"], ["--images", "a"], [], ["--images", "1", "--seeds", "-1"]):
        with pytest.raises(SystemExit):
            learning_curve_parser("x").parse_args(wrong)


def test_images_are_brought_to_the_object_size_of_the_weights(curve, stack, monkeypatch):
    seen = []

    def scaled(config, options, *data):
        seen.append(options.weights)
        config.TRAINED_RESCALED = 2.0
        return tuple(ScaledDataset(one, 2.0) for one in data)

    monkeypatch.setattr(module, "at_learnt_size", scaled)
    curve("--images", "2,4", "--weights", "run")
    assert len(seen) == 1 and len(Pretender.made) == 2  # one factor for all numbers of images
    for model in Pretender.made:
        assert [data.factor for data in model.data] == [2.0, 2.0] and model.config.TRAINED_RESCALED == 2.0


def test_the_table_names_the_kind_of_network(curve):
    table = pd.read_csv(curve("--images", "2", "--set", "USE_MASK_HEAD=False") / "runs.csv")
    assert table["model"].tolist() == ["faster"]
