"""`mrcnn.model`: samples, batches and targets."""

import logging

import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.errors import DataError
from mrcnn.layers.anchor_targets import match_anchors
from mrcnn.nets.mask_rcnn import pyramid_anchors


def array(value):
    return ops.convert_to_numpy(ops.convert_to_tensor(value))


class SomeNotLabelled(ShapesDataset):
    """As for COCO: for an image without annotations the original's samples call the parent class."""

    def load_mask(self, image_id):
        if image_id == 1:
            return super().load_mask(image_id) if self.own_parent else super(ShapesDataset, self).load_mask(image_id)
        return super().load_mask(image_id)


def test_load_image_gt_keywords(config, shapes):
    dataset, settings = shapes(2), config()
    image, meta, class_ids, boxes, masks = modellib.load_image_gt(dataset, settings, 0, augment=False,
                                                                  use_mini_mask=False)  # fmt: skip
    assert image.shape == (64, 64, 3) and masks.shape == (64, 64, len(class_ids)) and boxes.shape == (len(class_ids), 4)
    assert modellib.parse_image_meta(meta[None])["image_id"][0] == 0
    import imgaug

    flip = imgaug.augmenters.Fliplr(1.0)
    *_, mini = modellib.load_image_gt(dataset, settings, 0, augmentation=flip, use_mini_mask=True)
    mirrored = modellib.load_image_gt(dataset, settings, 0, augmentation=flip)
    assert mini.shape == (*settings.MINI_MASK_SHAPE, len(class_ids)) and mini.dtype == bool
    np.testing.assert_array_equal(mirrored[0], image[:, ::-1])
    np.testing.assert_array_equal(mirrored[4], masks[:, ::-1])


def test_an_epoch_of_the_generator_visits_every_image(config, shapes):
    dataset, everything = shapes(12), list(range(12))
    for shuffle in (False, True):
        generator = modellib.data_generator(dataset, config(), shuffle=shuffle, batch_size=3)
        ids = [next(generator)[0][1][:, 0].astype(int).tolist() for _ in range(8)]
        first, second = sum(ids[:4], []), sum(ids[4:], [])
        assert sorted(first) == sorted(second) == everything
        assert (first == everything) == (second == everything) == (not shuffle)


@pytest.mark.parametrize("mini", [True, False])
def test_what_the_generator_yields(config, mini, shapes):
    settings, dataset = config(USE_MINI_MASK=mini), shapes(3)
    size = settings.MINI_MASK_SHAPE if mini else (64, 64)
    plain, outputs = next(modellib.data_generator(dataset, settings, batch_size=2))
    shapes_ = [(2, 64, 64, 3), (2, 16), (2, 1023, 1), (2, 32, 4), (2, 4), (2, 4, 4), (2, *size, 4)]
    assert [v.shape for v in plain] == shapes_ and outputs == []
    inputs, outputs = next(modellib.data_generator(dataset, settings, random_rois=50, batch_size=2,
                                                   detection_targets=True))  # fmt: skip
    assert [v.shape for v in inputs] == [*shapes_, (2, 50, 4), (2, 12, 4)]
    assert [v.shape for v in outputs] == [(2, 12, 1), (2, 12, 4, 4), (2, 12, 8, 8, 4)]
    rois, class_ids, deltas, masks = inputs[8], outputs[0][..., 0], outputs[1], outputs[2]
    assert (rois >= 0).all() and (rois <= 64).all() and (rois[..., 2:] > rois[..., :2]).all()
    for image, roi in zip(*np.nonzero(class_ids)):
        moved = modellib.apply_box_deltas_graph(
            rois[image, roi][None].astype(np.float32),
            (deltas[image, roi, class_ids[image, roi]] * settings.BBOX_STD_DEV)[None].astype(np.float32),
        )
        assert np.abs(array(moved) - inputs[5][image]).max(axis=1).min() < 1e-3
        assert masks[image, roi, :, :, class_ids[image, roi]].any()
    assert not deltas[class_ids == 0].any() and not masks[class_ids == 0].any()
    positive = inputs[2][..., 0] == 1
    assert positive.any(axis=1).all() and ((inputs[3] != 0).any(axis=2).sum(axis=1) <= positive.sum(axis=1)).all()


def test_sources_without_augmentation(config, shapes):
    dataset = shapes(2)
    source = dataset.image_info[0]["source"]
    for plain in (None, [source]):
        generator = modellib.data_generator(dataset, config(), shuffle=False, augmentation=_darken,
                                            no_augmentation_sources=plain)  # fmt: skip
        image = next(generator)[0][0][0] + config().MEAN_PIXEL
        assert (np.abs(image).max() < 1) == (plain is None)


def _darken(image, instances, rng):
    return np.zeros_like(image), instances


def test_images_that_cannot_be_used(config, caplog):
    class Broken(ShapesDataset):
        def load_image(self, image_id):
            if image_id < self.broken:
                raise OSError("unreadable")
            return super().load_image(image_id)

    dataset = Broken()
    dataset.load_shapes(9, 64, 64, 0)
    dataset.prepare()
    dataset.broken = 2
    generator = modellib.data_generator(dataset, config(), shuffle=False)
    with caplog.at_level(logging.ERROR):
        assert next(generator)[0][1][0, 0] == 2
    assert caplog.text.count("is skipped: unreadable") == 2
    dataset.broken = 9
    with pytest.raises(OSError, match="unreadable"):
        next(modellib.data_generator(dataset, config()))


def test_a_data_set_without_objects_ends_the_generator(config, shapes):
    dataset = shapes(2)
    for info in dataset.image_info:
        info["shapes"] = []
    with pytest.raises(DataError, match="none of its images has an object"):
        next(modellib.data_generator(dataset, config()))


def test_generated_regions_lie_about_the_objects():
    boxes = np.array([[20, 20, 30, 40]])
    rois = modellib.generate_random_rois((64, 64, 3), 100, np.array([1]), boxes)
    assert rois.shape == (100, 4) and (rois[:, 2:] > rois[:, :2]).all() and rois.min() >= 0 and rois.max() < 64
    assert (rois[:90, 0] >= 10).all() and (rois[:90, 2] <= 40).all()
    assert modellib.generate_random_rois((64, 64, 3), 10, np.zeros(0), np.zeros((0, 4))).shape == (10, 4)


def test_targets_of_regions_without_an_object(config):
    rois, masks = np.array([[0, 0, 10, 10], [5, 5, 20, 20]]), np.zeros((16, 16, 0), bool)
    found = modellib.build_detection_targets(rois, np.zeros(0, int), np.zeros((0, 4), int), masks, config())
    assert [v.shape for v in found] == [(12, 4), (12,), (12, 4, 4), (12, 8, 8, 4)]
    assert not found[1].any() and not found[2].any()
    with pytest.raises(ValueError, match="rpn_rois is empty"):
        modellib.build_detection_targets(rois[:0], np.zeros(0, int), np.zeros((0, 4), int), masks, config())


@pytest.mark.parametrize("exact", [True, False])
def test_rpn_targets_are_those_that_the_network_makes(config, exact):
    settings = config(RPN_TRAIN_ANCHORS_PER_IMAGE=4000)
    settings.MATTERPORT_EXACT = exact
    anchors, rng = pyramid_anchors(settings, (64, 64)), np.random.default_rng(0)
    corners = rng.uniform(0, 40, (4, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(6, 24, (4, 2))], axis=1).astype(np.float32)
    class_ids = np.array([1, 2, -1, 1], np.int32)
    match, deltas = modellib.build_rpn_targets((64, 64, 3), anchors, class_ids, boxes, settings)
    wanted, assigned = match_anchors(anchors.astype(np.float32), class_ids[None], boxes[None], exact=exact)
    np.testing.assert_array_equal(match, array(wanted)[0])
    positive = np.flatnonzero(match == 1)
    own = modellib.apply_box_deltas_graph(anchors[positive], deltas[: len(positive)] * settings.RPN_BBOX_STD_DEV)
    np.testing.assert_allclose(array(own), boxes[array(assigned)[0][positive]], atol=1e-3)


def test_an_image_with_crowds_only_has_no_positive_anchor(config):
    anchors, crowd = pyramid_anchors(config(), (64, 64)), np.array([[0, 0, 32, 32]])
    match, deltas = modellib.build_rpn_targets((64, 64, 3), anchors, np.array([-1]), crowd, config())
    assert set(match) == {-1, 0} and not deltas.any()


def test_an_image_for_which_load_mask_calls_the_original_class(config):
    dataset = SomeNotLabelled()
    dataset.own_parent = False
    dataset.load_shapes(3, 64, 64, 0)
    dataset.prepare()
    masks, class_ids = dataset.load_mask(1)
    assert masks.shape == (0, 0, 0) and masks.dtype == bool and class_ids.shape == (0,)
    image, _, class_ids, boxes, masks = modellib.load_image_gt(dataset, config(), 1, use_mini_mask=False)
    assert image.shape == (64, 64, 3) and boxes.shape == (0, 4) and masks.shape == (64, 64, 0) and not len(class_ids)
    inputs, _ = next(modellib.data_generator(dataset, config(), shuffle=False, batch_size=2))
    assert inputs[1][:, 0].tolist() == [0, 2]
    dataset.own_parent = True
    assert dataset.load_mask(1)[0].shape[:2] == (64, 64)
