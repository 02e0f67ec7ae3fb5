"""Detections become objects by the rule that their masks were taught by."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.geometry.regions import grow, to_cells, to_normalised
from mrcnn.inference.unmolding import detections_to_instances, place_detections

MOLDED, WINDOW = (128, 128), (16, 0, 112, 128)  # an image of 96 x 128, padded above and below
CENTRE, RADIUS = np.array([50.3, 60.7]), np.array([20.0, 24.0])


def ellipse(shape, centre, radius, fine=1):
    y, x = (np.indices([n * fine for n in shape]) + 0.5) / fine
    return ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 <= 1


def detection(geometry, region_scale=1.0, class_id=2):
    """A detection of an ellipse in the molded image: [2, 6], padded, and its mask over the grown box, 28 x 28."""
    box = np.concatenate([CENTRE - RADIUS, CENTRE + RADIUS])
    region = grow(box, region_scale)
    fine = 16
    plane = ellipse(MOLDED, CENTRE, RADIUS, fine)
    y1, x1, y2, x2 = np.rint(region * fine).astype(int)
    mask = to_cells(plane[y1:y2, x1:x2], (28, 28))
    rows = np.zeros((2, 6), np.float32)
    rows[0] = [*to_normalised(box, MOLDED, geometry), class_id, 0.9]
    return rows, mask[None]


def truth(factor=1):
    """The ellipse in the image, which is `factor` times as large as its part of the molded image."""
    centre = (CENTRE - [WINDOW[0], 0]) * factor
    return ellipse((96 * factor, 128 * factor), centre, RADIUS * factor)


@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_areas_are_right_in_the_geometry_area(factor, scale):
    rows, masks = detection("area", scale)
    config = Config(MASK_GEOMETRY="area", MASK_REGION_SCALE=scale)
    shape = (96 * factor, 128 * factor, 3)
    found = place_detections(rows, masks, shape, MOLDED, WINDOW, config)
    assert len(found) == 1 and found.class_ids.tolist() == [2] and found.image_shape == shape[:2]
    plane, true = found.to_masks()[..., 0], truth(factor)
    assert (plane & true).sum() / (plane | true).sum() > 0.97
    assert plane.sum() / true.sum() == pytest.approx(1, abs=0.015)
    rows_, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    assert found.boxes[0].tolist() == [rows_[0], columns[0], rows_[-1] + 1, columns[-1] + 1], "boxes enclose masks"


def test_matterports_geometry_is_the_originals_to_the_bit():
    rows, masks = detection("matterport")
    config = Config()
    for taught in (None, "matterport"):
        config.TRAINED_MASK_GEOMETRY = taught
        found = place_detections(rows, masks, (96, 128, 3), MOLDED, WINDOW, config)
        assert found == detections_to_instances(rows, masks, (96, 128, 3), MOLDED, WINDOW)


def sampled_by_corners():
    """What Matterport's targets teach: 28 x 28 samples from the middle of the first pixel of the box to the last's."""
    box = np.array([30, 40, 70, 88])
    y, x = np.linspace(30.5, 69.5, 28), np.linspace(40.5, 87.5, 28)
    centre, radius = np.array([50.0, 64.0]), np.array([20.0, 24.0])
    mask = ((y[:, None] - centre[0]) / radius[0]) ** 2 + ((x[None] - centre[1]) / radius[1]) ** 2 <= 1
    rows = np.zeros((1, 6), np.float32)
    return box, rows, mask[None].astype(np.float32), ellipse((96, 128), centre - [WINDOW[0], 0], radius)


@pytest.mark.parametrize("geometry", ["matterport", "area"])
def test_masks_taught_in_one_geometry_are_read_in_it_by_a_config_of_the_other(geometry):
    box, rows, masks, true = sampled_by_corners()
    rows[0] = [*to_normalised(box, MOLDED, "area"), 1, 0.9]
    read = place_detections(
        rows, masks, (96, 128, 3), MOLDED, WINDOW, Config(MASK_GEOMETRY="area", TRAINED_MASK_GEOMETRY="matterport")
    )
    rows[0] = [*to_normalised(box, MOLDED), 1, 0.9]
    original = place_detections(rows, masks, (96, 128, 3), MOLDED, WINDOW, Config())
    assert original.areas()[0] < 0.995 * read.areas()[0], "the original's masks are too small"
    assert read.areas()[0] / true.sum() == pytest.approx(1, abs=0.02)
    cells, by_area = detection("area")[1], Config(MASK_GEOMETRY=geometry, TRAINED_MASK_GEOMETRY="area")
    rows = detection(geometry)[0]
    plane = place_detections(rows, cells, (96, 128, 3), MOLDED, WINDOW, by_area).to_masks()[..., 0]
    assert plane.sum() / truth().sum() == pytest.approx(1, abs=0.015)


def test_without_masks_boxes_are_filled_and_without_a_pixel_the_box_stays():
    config = Config(MASK_GEOMETRY="area", USE_MASK_HEAD=False)
    rows, masks = detection("area")
    found = place_detections(rows, None, (96, 128, 3), MOLDED, WINDOW, config)
    assert found.boxes.tolist() == [[14, 37, 54, 85]] and found.masks[0].all()
    empty = place_detections(rows, 0 * masks, (96, 128, 3), MOLDED, WINDOW, Config(MASK_GEOMETRY="area"))
    assert empty.boxes.tolist() == [[14, 37, 54, 85]] and not empty.masks[0].any()
    none = place_detections(0 * rows, masks, (96, 128, 3), MOLDED, WINDOW, Config(MASK_GEOMETRY="area"))
    assert not len(none)
