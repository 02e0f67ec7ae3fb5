"""The training script of samples/wafer_sections in a run of two steps, its settings and its augmentation."""

import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn.data.augment import apply_augmentation
from mrcnn.domains.wafer.patches.folders import write_patch
from mrcnn.errors import ConfigError

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "wafer_sections"
MODULES = ("wafer_sections", "train")
ONE_STEP = ["--set=STEPS_PER_EPOCH=1", "--set=VALIDATION_STEPS=1"]


@pytest.fixture(scope="module")
def synthetic(sample):
    patch = pytest.MonkeyPatch()
    patch.setitem(sample["wafer_sections"].SYNTHETIC, "train", (6, 1))
    yield sample["wafer_sections"].synthetic("train")
    patch.undo()


@pytest.fixture(scope="module")
def folder(synthetic, tmp_path_factory):
    """The same patches as files in two subsets."""
    root = tmp_path_factory.mktemp("patches")
    for i in synthetic.image_ids:
        pixels = synthetic.load_image(i)
        channels = {"grey": pixels[..., 0], "fluo": pixels[..., 1]}
        write_patch(root / ("train" if i < 4 else "val"), f"patch_{i:04d}", channels, synthetic.load_instances(i))
    return root


def test_synthetic_patches_show_both_parts(synthetic):
    assert synthetic.class_names == ["BG", "tissue", "magnet"]
    for i in synthetic.image_ids:
        found = synthetic.load_instances(i)
        assert synthetic.load_image(i).shape == (256, 256, 2) and set(found.class_ids.tolist()) == {1, 2}


def test_channels_and_mean_pixel_come_from_the_images(sample, folder, tiny_network, tmp_path):
    code = sample["train"].main(
        [
            "--dataset",
            str(folder / "train"),
            "--validation-dataset",
            str(folder / "val"),
            "--channels",
            "grey,fluo,edges",
            "--logs",
            str(tmp_path),
            "--small",
            "--epochs",
            "1",
            *tiny_network,
            *ONE_STEP,
        ]
    )
    assert code == 0
    (run,) = tmp_path.iterdir()
    config = json.loads((run / "config.json").read_text())
    dataset = sample["wafer_sections"].WaferDataset(folder / "train", channels="grey,fluo,edges")
    mean = np.mean([dataset.load_image(i).mean(axis=(0, 1)) for i in dataset.image_ids], axis=0)
    assert config["IMAGE_CHANNEL_COUNT"] == 3 and config["NUM_CLASSES"] == 3
    np.testing.assert_allclose(config["MEAN_PIXEL"], mean, rtol=1e-6)
    assert (run / "best.h5").is_file()


def test_settings_given_by_hand_are_kept(sample, synthetic):
    from mrcnn.commands.settings import new_config
    from mrcnn.options.training_options import TrainingOptions

    options = {"size": "small", "weights": "none", "set": ["MEAN_PIXEL=[1.0, 2.0]"]}
    config = new_config(sample["wafer_sections"].DOMAIN, TrainingOptions(**options), synthetic)
    assert np.array_equal(config.MEAN_PIXEL, [1.0, 2.0]) and config.IMAGE_CHANNEL_COUNT == 2


@pytest.mark.parametrize("name", ["none", "flips", "light", "normal", "strong"])
def test_augmentation_keeps_the_shape_of_sections(sample, synthetic, name):
    """Lengths and angles are preserved: the area of a part away from the border changes only by its edge pixels."""

    def inner(found):
        return [i for i, (y1, x1, y2, x2) in enumerate(found.boxes) if min(y1, x1) > 50 and max(y2, x2) < 206]

    image_id = max(synthetic.image_ids, key=lambda i: len(inner(synthetic.load_instances(i))))
    image, found = synthetic.load_image(image_id), synthetic.load_instances(image_id)
    whole = inner(found)
    assert whole
    augmentation = sample["wafer_sections"].augmentation(name)
    areas = sorted(found.masks[i].sum() for i in whole)
    for seed in range(4):
        _, moved = apply_augmentation(augmentation, image, found.select(whole), np.random.default_rng(seed))
        np.testing.assert_allclose(sorted(m.sum() for m in moved.masks), areas, rtol=0.05)


def test_separate_ground_truth_for_patches_is_rejected(sample, folder):
    with pytest.raises(ConfigError, match="are in its own folder"):
        sample["wafer_sections"].WaferDataset(folder, "masks")


def test_the_old_commands_name_a_subset(sample, folder, tmp_path, capsys):
    """`train --dataset --subset --weights --logs`, as in the first wafer projects, with a missing subset."""
    code = sample["wafer_sections"].main(
        ["train", "--dataset", str(folder), "--subset", "nothing", "--weights", "none", "--logs", str(tmp_path)]
    )
    assert code == 2 and "nothing" in capsys.readouterr().err
