import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.draw import disk

from mrcnn.geometry.instances import Instances
from mrcnn.geometry.rescale import rescaled


def discs(shape, places, radius):
    masks = np.zeros((*shape, len(places)), bool)
    for i, place in enumerate(places):
        masks[(*disk(place, radius, shape=shape), i)] = True
    return Instances.from_masks(masks, pixel_size_nm=(4.0, 4.0))


def test_the_same_size_changes_nothing():
    objects = discs((40, 50), [(20, 20)], 8)
    assert rescaled(objects, (40, 50)) is objects


@given(st.floats(0.4, 6), st.integers(12, 28), st.integers(12, 38))
def test_a_disc_keeps_its_centre_and_its_area_in_units_of_length(factor, y, x):
    objects = discs((40, 50), [(y, x)], 10)
    shape = tuple(round(n * factor) for n in (40, 50))
    found = rescaled(objects, shape)
    real = np.divide(shape, (40, 50))
    assert found.image_shape == shape
    area = found.areas()[0] / real.prod()
    assert area == pytest.approx(objects.areas()[0], rel=0.08 / min(1, real.min()))
    rows, columns = np.nonzero(found.to_masks()[..., 0])
    centre = (np.array([rows.mean(), columns.mean()]) + 0.5) / real
    assert centre == pytest.approx((y + 0.5, x + 0.5), abs=0.6 / min(1, real.min()))
    assert found.pixel_size_nm == pytest.approx(tuple(4 / real))


def test_enlarged_outlines_have_no_staircase():
    from mrcnn.results.measure import measure

    small, large = discs((40, 40), [(20, 20)], 12), discs((160, 160), [(81.5, 81.5)], 50)
    found = rescaled(small, (160, 160))
    perimeter, expected = (measure(objects)["perimeter_px"][0] for objects in (found, large))
    assert perimeter == pytest.approx(expected, rel=0.05)


def test_classes_scores_and_the_edge_are_kept_and_lost_objects_dropped():
    masks = np.zeros((64, 64, 2), bool)
    masks[:, :32, 0] = True
    masks[40, 40, 1] = True
    objects = Instances.from_masks(masks, class_ids=[2, 1], scores=[0.9, 0.4])
    found = rescaled(objects, (16, 16))
    assert found.class_ids.tolist() == [2]
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.boxes.tolist() == [[0, 0, 16, 8]]


def test_no_objects():
    assert len(rescaled(Instances((10, 20)), (30, 60))) == 0
