"""The domain of cells: settings, synthetic fields, augmentation and classes."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.commands.settings import new_config
from mrcnn.data.augment import apply_augmentation
from mrcnn.domains.hpa import domain as cells
from mrcnn.domains.hpa.commands import arguments
from mrcnn.domains.hpa.domain import CLASS_NAMES, DOMAIN, SETTINGS, SYNTHETIC
from mrcnn.errors import DataError
from mrcnn.formats import voc
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.options.training_options import TrainingOptions


@pytest.fixture
def folder(tmp_path):
    """Callable (*names): a folder of one image with a box of each of these classes."""

    def write(*names):
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "field.png")
        boxes = np.array([(2, 2 + 8 * i, 8, 8 + 8 * i) for i in range(len(names))], np.int32)
        voc.write(tmp_path, [ImageAnnotation(tmp_path / "field.png", (40, 60), boxes, list(names))])
        return tmp_path

    return write


def test_every_configuration_is_valid():
    for config in DOMAIN.configs.values():
        config().validate(DOMAIN.class_names)
        assert config.CLASS_NAMES == CLASS_NAMES
    assert tuple(SETTINGS) == arguments.SETTINGS and set(SETTINGS) < set(DOMAIN.configs)
    assert not SETTINGS["keras-frcnn"].USE_MASK_HEAD and SETTINGS["matterport"].BOXES_AS_MASKS


def test_synthetic_parts_share_no_field(monkeypatch):
    for part, (_, seed) in SYNTHETIC.items():
        monkeypatch.setitem(SYNTHETIC, part, (1, seed))
    made = [DOMAIN.synthetic(part) for part in SYNTHETIC]
    images = [dataset.load_image(0) for dataset in made]
    assert all(p.shape == (256, 256, 3) for p in images)
    assert not any((images[i] == images[j]).all() for i, j in ((0, 1), (0, 2), (1, 2)))
    assert tuple(made[0].class_names) == CLASS_NAMES
    for name in ("flips", "light", "normal", "strong"):
        chosen = DOMAIN.augmentation(name)
        image, objects = apply_augmentation(chosen, images[0], made[0].load_instances(0), np.random.default_rng(4))
        assert image.shape == images[0].shape and objects.image_shape == (256, 256)
    assert DOMAIN.augmentation("none") is None


def test_known_classes_keep_the_order_of_the_atlas(folder):
    assert cells.DOMAIN.find_classes(folder("Not Nucleoli", "Nucleoli")) == ["Nucleoli", "Not Nucleoli"]
    # A validation set without one of them has the same ids.
    assert cells.DOMAIN.find_classes(folder("Not Nucleoli")) == ["Nucleoli", "Not Nucleoli"]


def test_other_classes_are_in_alphabetical_order(folder):
    path = folder("Spots", "Nucleoli", "Rim")
    assert cells.DOMAIN.find_classes(path) == ["Nucleoli", "Rim", "Spots"]
    mapped = {"class_map": {"Spots": "Nucleoli", "Nucleoli": "Nucleoli", "Rim": None}}
    assert cells.DOMAIN.find_classes(path, options=mapped) == ["Nucleoli", "Not Nucleoli"]
    with pytest.raises(DataError, match="no object"):
        cells.DOMAIN.find_classes(folder())


def test_a_new_training_takes_its_classes_from_the_annotations(folder):
    dataset = DOMAIN.open_dataset(folder("Spots", "Rim", "Nucleoli"))
    config = new_config(DOMAIN, TrainingOptions(size="small", weights="none"), dataset)
    assert (config.NUM_CLASSES, config.CLASS_NAMES) == (4, ("BG", "Nucleoli", "Rim", "Spots"))
