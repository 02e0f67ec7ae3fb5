"""Training and validation data sets never share an image."""

import dataclasses

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.commands.datasets import evaluation_data, model_data, readable, same_classes, training_data
from mrcnn.data.synthetic.write import write_mask_folders
from mrcnn.errors import ConfigError
from mrcnn.options.training_options import TrainingOptions

GIVEN = {"validation": 0.2}


@pytest.fixture
def stack(tmp_path):
    rng = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "s.tif", rng.integers(0, 255, (60, 32, 32), np.uint8), photometric="minisblack")
    truth = np.zeros((60, 32, 32), np.uint8)
    truth[:, 4:9, 4:9], truth[:, 20:25, 20:25] = 1, 2
    tifffile.imwrite(tmp_path / "t.tif", truth, photometric="minisblack")
    return {"dataset": str(tmp_path / "s.tif"), "truth": str(tmp_path / "t.tif")}


def pages(dataset):
    return {info["page"] for info in dataset.image_info}


def test_without_a_dataset_synthetic_images_are_used_with_a_message(domain, capsys):
    train, validation = training_data(domain, TrainingOptions(**GIVEN))
    assert "synthetic" in capsys.readouterr().out
    assert not np.array_equal(train.load_image(0), validation.load_image(0))
    assert training_data(domain, TrainingOptions(**{**GIVEN, "validation": 0}))[1] is None
    assert len(evaluation_data(domain, {}).image_ids) == 3


def test_slices_of_a_stack(domain, stack):
    train, validation = training_data(
        domain, TrainingOptions(**GIVEN, **stack, slices=(0, 40), validation_slices=(40, 45))
    )
    assert pages(train) == set(range(40))
    assert pages(validation) == set(range(40, 45))


def test_a_fraction_of_a_stack_is_split_by_blocks_and_no_neighbour_leaks(domain, stack, capsys):
    train, validation = training_data(domain, TrainingOptions(**{**GIVEN, **stack, "validation": 0.34}))
    assert min(abs(a - b) for a in pages(train) for b in pages(validation)) == 3
    left_out = 60 - len(train.image_ids) - len(validation.image_ids)
    assert left_out in (2, 4) and f"{left_out} slices" in capsys.readouterr().out
    assert len({p // 20 for p in pages(validation)}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slices": (0, 40), "validation_slices": (39, 45)}, "overlap"),
        ({"validation_slices": (39, 45)}, "without --slices"),
        ({"validation": 1.5}, "fraction"),
        ({"dataset_option": [("min_sise", 3)]}, "no option min_sise"),
    ],
)
def test_invalid_options_are_refused(domain, stack, options, message):
    with pytest.raises(ConfigError, match=message):
        training_data(domain, TrainingOptions(**{**GIVEN, **stack, **options}))


@pytest.mark.parametrize("fraction", [-0.1, 1.0])
def test_an_invalid_fraction_is_refused_without_a_dataset_too(domain, fraction):
    with pytest.raises(ConfigError, match="fraction"):
        training_data(domain, TrainingOptions(validation=fraction))


def test_options_of_a_dataset_need_one(domain):
    with pytest.raises(ConfigError, match="--slices without --dataset"):
        training_data(domain, TrainingOptions(**{**GIVEN, "slices": (0, 3)}))


@pytest.mark.parametrize("name", ["truth", "images", "classes", "class_map", "difficult", "keep_rows"])
def test_options_of_a_dataset_need_one_in_an_evaluation_too(domain, name):
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} without --dataset"):
        evaluation_data(domain, {name: "x"})


def test_a_data_set_gets_the_names_and_channels_of_the_model(domain, stack):
    opened = []

    def reader(path, truth=None, classes=None, outlines=True, **options):
        opened.append((classes, outlines, options))
        return domain.open_dataset(path, truth, **options)

    reads_names = dataclasses.replace(domain, open_dataset=reader)
    config = domain.configs["small"](CLASS_NAMES=("BG", "nucleus"))
    model_data(reads_names, stack, config)
    model_data(reads_names, stack, config, by_boxes=True)
    model_data(reads_names, {**stack, "classes": ["cell"]}, domain.configs["small"](USE_MASK_HEAD=False))
    model_data(reads_names, {**stack, "dataset_option": [("classes", "x"), ("outlines", True)]}, config, True)
    channels = {"channels": config.IMAGE_CHANNEL_COUNT}
    assert opened == [
        (["nucleus"], True, channels),
        (["nucleus"], False, channels),
        (["cell"], False, channels),
        ("x", True, channels),
    ]
    assert model_data(domain, stack, config).class_names == ["BG", "mitochondrion"]  # takes no names


@pytest.mark.parametrize(
    ("names", "others", "same"),
    [
        (["BG", "a", "b"], ("BG", "a", "b"), True),
        (["BG", "a", "b"], ("BG", "b", "a"), False),
        (["BG", "a"], ("BG", "b"), True),
        (["BG", "a"], ("BG", "a", "b"), False),
        (None, ("BG", "a", "b"), True),
    ],
)
def test_classes_are_the_same_if_their_ids_are(names, others, same):
    assert same_classes(names, others) is same_classes(others, names) is same


def test_pixel_size_and_reader_options_arrive(domain, stack):
    dataset = evaluation_data(domain, {**stack, "pixel_size_nm": (5.0, 4.0), "dataset_option": [("min_size_px", 26)]})
    assert dataset.pixel_size_nm(0) == (5.0, 4.0)
    assert len(dataset.load_instances(0)) == 0


def test_training_and_validation_images_are_prepared_alike(domain, stack):
    prepared = {**stack, "pixel_size_nm": (5.0, 5.0), "keep_rows": [0, 16], "downscale": 4}
    train, validation = training_data(domain, TrainingOptions(**{**GIVEN, **prepared, "validation": 0.34}))
    for dataset in (train, validation, evaluation_data(domain, prepared)):
        assert dataset.load_image(0).shape[:2] == dataset.load_instances(0).image_shape == (4, 8)
        assert len(dataset.load_instances(0)) == 1 and dataset.pixel_size_nm(0) == (20.0, 20.0)
    assert not pages(train) & pages(validation)
    with pytest.raises(ConfigError, match="--downscale without --dataset"):
        training_data(domain, TrainingOptions(**{**GIVEN, "downscale": 4}))


@pytest.mark.parametrize("count", [2, 4])
def test_images_have_the_channels_of_the_settings(domain, tmp_path, count):
    """PNG can hold 2 and 4 channels only as grey or colour with alpha."""
    image = np.random.default_rng(0).integers(0, 255, (32, 32, count), np.uint8)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "a.png")
    labels = np.zeros((32, 32), np.uint8)
    labels[4:9, 4:9] = 1
    tifffile.imwrite(tmp_path / "labels" / "a.tif", labels)
    options = {"dataset": str(tmp_path), "validation": 0}
    for dataset in (
        training_data(domain, TrainingOptions(**options), channels=count)[0],
        evaluation_data(domain, options, count),
    ):
        np.testing.assert_array_equal(dataset.load_image(0), image)
    given = {**options, "dataset_option": [("channels", 3)]}
    assert evaluation_data(domain, given, count).load_image(0).shape == (32, 32, 3)
    named = dataclasses.replace(domain, counts_channels=False)
    assert evaluation_data(named, options, count).load_image(0).shape == (32, 32, 3)


def test_images_that_cannot_be_read_are_named(domain, tmp_path):
    write_mask_folders(domain.synthetic("test"), tmp_path)
    broken = sorted((tmp_path / "Images").iterdir())[1]
    broken.write_bytes(broken.read_bytes()[:200])
    ids, errors = readable(domain.open_dataset(tmp_path))
    assert ids == [0, 2]
    assert broken.name in str(errors[0])
