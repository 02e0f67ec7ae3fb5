"""The domain of wafers: settings, synthetic patches, augmentation and files."""

import numpy as np
import pytest

from mrcnn.data.augment import apply_augmentation
from mrcnn.domains.wafer import domain as wafers
from mrcnn.domains.wafer.domain import DOMAIN
from mrcnn.domains.wafer.patches.folders import write_patch
from mrcnn.errors import ConfigError


@pytest.fixture(scope="module")
def patches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(wafers.SYNTHETIC, "train", (6, 1))
        yield DOMAIN.synthetic("train")


def test_every_configuration_is_valid():
    for config in DOMAIN.configs.values():
        config().validate(DOMAIN.class_names)


def test_synthetic_patches_show_both_parts(patches):
    assert patches.class_names == ["BG", "tissue", "magnet"]
    for i in patches.image_ids:
        found = patches.load_instances(i)
        assert patches.load_image(i).shape == (256, 256, 2) and set(found.class_ids.tolist()) == {1, 2}


def test_parts_of_the_synthetic_set_share_no_patch(monkeypatch):
    for part, (_, seed) in wafers.SYNTHETIC.items():
        monkeypatch.setitem(wafers.SYNTHETIC, part, (1, seed))
    images = [DOMAIN.synthetic(part).load_image(0) for part in wafers.SYNTHETIC]
    assert not any((images[i] == images[j]).all() for i, j in ((0, 1), (0, 2), (1, 2)))


def test_channels_and_mean_pixel_come_from_the_images(patches, tmp_path):
    for i in patches.image_ids:
        pixels = patches.load_image(i)
        write_patch(tmp_path, f"p{i}", {"grey": pixels[..., 0], "fluo": pixels[..., 1]}, patches.load_instances(i))
    dataset = DOMAIN.open_dataset(tmp_path, channels="fluo, grey,edges")
    config = DOMAIN.configs["small"]()
    DOMAIN.fit_settings(config, dataset)
    mean = np.mean([dataset.load_image(i).mean(axis=(0, 1)) for i in dataset.image_ids], axis=0)
    assert config.IMAGE_CHANNEL_COUNT == 3
    np.testing.assert_allclose(config.MEAN_PIXEL, mean, rtol=1e-6)
    assert (DOMAIN.open_dataset(tmp_path).load_image(0)[..., 0] == dataset.load_image(0)[..., 1]).all()


@pytest.mark.parametrize("name", ["none", "flips", "light", "normal", "strong"])
def test_augmentation_keeps_the_shape_of_sections(patches, name):
    """Lengths and angles are preserved: the area of a part away from the border changes only by its edge pixels."""

    def inner(found):
        return [i for i, (y1, x1, y2, x2) in enumerate(found.boxes) if min(y1, x1) > 50 and max(y2, x2) < 206]

    image_id = max(patches.image_ids, key=lambda i: len(inner(patches.load_instances(i))))
    image, found = patches.load_image(image_id), patches.load_instances(image_id)
    whole = inner(found)
    assert whole
    augmentation = DOMAIN.augmentation(name)
    areas = sorted(found.masks[i].sum() for i in whole)
    for seed in range(4):
        _, moved = apply_augmentation(augmentation, image, found.select(whole), np.random.default_rng(seed))
        np.testing.assert_allclose(sorted(m.sum() for m in moved.masks), areas, rtol=0.05)


def test_separate_ground_truth_for_patches_is_rejected(tmp_path):
    with pytest.raises(ConfigError, match="are in its own folder"):
        DOMAIN.open_dataset(tmp_path, "masks")
