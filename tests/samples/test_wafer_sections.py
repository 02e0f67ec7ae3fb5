"""The training script of samples/wafer_sections in a run of two steps, its settings and its old commands."""

import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn.domains.wafer import domain as wafers
from mrcnn.domains.wafer.patches.folders import write_patch

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "wafer_sections"
MODULES = ("wafer_sections", "train")
ONE_STEP = ["--set=STEPS_PER_EPOCH=1", "--set=VALIDATION_STEPS=1"]


@pytest.fixture(scope="module")
def synthetic(sample):
    patch = pytest.MonkeyPatch()
    patch.setitem(wafers.SYNTHETIC, "train", (6, 1))
    yield sample["wafer_sections"].DOMAIN.synthetic("train")
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


@pytest.mark.long
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


def test_the_old_commands_name_a_subset(sample, folder, tmp_path, capsys):
    """`train --dataset --subset --weights --logs`, as in the first wafer projects, with a missing subset."""
    code = sample["wafer_sections"].main(
        ["train", "--dataset", str(folder), "--subset", "nothing", "--weights", "none", "--logs", str(tmp_path)]
    )
    assert code == 2 and "nothing" in capsys.readouterr().err
