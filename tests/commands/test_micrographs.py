"""The domain of micrographs: settings, synthetic images and files."""

import pytest

from mrcnn.commands.micrographs import CLASS_NAME, DOMAIN
from mrcnn.commands.own_objects import SYNTHETIC
from mrcnn.commands.settings import new_config
from mrcnn.data.synthetic.mitochondria import MITOCHONDRION
from mrcnn.data.synthetic.write import write_mask_folders
from mrcnn.options.training_options import TrainingOptions


@pytest.fixture
def parts(monkeypatch):
    """The three parts of the synthetic set, one image each."""
    for part, (_, seed) in SYNTHETIC.items():
        monkeypatch.setitem(SYNTHETIC, part, (1, seed))
    return [DOMAIN.synthetic(part) for part in SYNTHETIC]


def test_every_configuration_is_valid():
    for config in DOMAIN.configs.values():
        config().validate(DOMAIN.class_names)
    assert DOMAIN.class_names == ("BG", CLASS_NAME) and CLASS_NAME == MITOCHONDRION


def test_parts_of_the_synthetic_set_share_no_image(parts):
    images = [dataset.load_image(0) for dataset in parts]
    assert all(image.shape[:2] == (256, 256) for image in images)
    assert not any((images[i] == images[j]).all() for i, j in ((0, 1), (0, 2), (1, 2)))


def test_objects_of_files_are_mitochondria(parts, tmp_path):
    write_mask_folders(parts[0], tmp_path)
    dataset = DOMAIN.open_dataset(tmp_path, pixel_size_nm=12)
    assert tuple(dataset.class_names) == DOMAIN.class_names and dataset.pixel_size_nm(0) == (12, 12)
    assert len(dataset.load_instances(0)) == len(parts[0].load_instances(0)) > 0
    assert tuple(DOMAIN.open_dataset(tmp_path, class_name="vesicle").class_names) == ("BG", "vesicle")


@pytest.mark.parametrize("size", ["full", "small", "demo", "semantic"])
def test_a_training_records_the_class_names_and_keeps_the_channels(parts, size):
    options = {"size": size, "weights": "none", "model": "unet" if size == "semantic" else None}
    config = new_config(DOMAIN, TrainingOptions(**options), parts[0])
    assert config.CLASS_NAMES == ("BG", "mitochondrion") and config.NUM_CLASSES == 2
    assert config.IMAGE_CHANNEL_COUNT == DOMAIN.configs[size]().IMAGE_CHANNEL_COUNT
