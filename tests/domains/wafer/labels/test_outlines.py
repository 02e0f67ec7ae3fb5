"""Labels of a wafer: objects in windows, other scales and frames."""

import numpy as np
import pytest

from mrcnn.domains.wafer.labels.outlines import MAGNET, TISSUE, Section, WaferLabels
from mrcnn.errors import ConfigError, DataError


def box(y1, x1, y2, x2):
    """Outline of the pixels of a box, slightly outside the centres of the outermost pixels."""
    return np.array([[y1, x1], [y1, x2 - 1], [y2 - 1, x2 - 1], [y2 - 1, x1]], float) + [
        [-0.2, -0.2],
        [-0.2, 0.2],
        [0.2, 0.2],
        [0.2, -0.2],
    ]


@pytest.fixture
def labels():
    return WaferLabels(
        [
            Section(1, box(2, 3, 12, 23), box(12, 3, 17, 23), box(0, 0, 20, 30)),
            Section(5, box(30, 40, 45, 60)),
            Section(6, None, box(50, 5, 60, 15)),
        ],
        background=box(0, 60, 30, 90),
        image_shape=(64, 100),
        image_path="wafer.tif",
    )


def test_objects_are_the_parts_of_the_sections(labels):
    polygons, class_ids, numbers = labels.outlines()
    assert class_ids.tolist() == [TISSUE, MAGNET, TISSUE, MAGNET] and numbers.tolist() == [1, 1, 5, 6]
    found = labels.instances()
    assert found.image_shape == (64, 100) and found.class_ids.tolist() == class_ids.tolist()
    assert found.boxes.tolist() == [[2, 3, 12, 23], [12, 3, 17, 23], [30, 40, 45, 60], [50, 5, 60, 15]]
    assert labels.boxes().tolist() == found.boxes.tolist() and len(polygons) == 4
    assert found.areas().tolist() == [200, 100, 300, 100]


def test_a_window_has_its_own_coordinates(labels):
    found = labels.instances((10, 20, 40, 70), min_pixels=10)
    assert found.image_shape == (30, 50)
    assert found.class_ids.tolist() == [MAGNET, TISSUE] and found.boxes.tolist() == [[2, 0, 7, 3], [20, 20, 30, 40]]
    assert len(labels.instances((10, 20, 40, 70))) == 3  # and a sliver of the first tissue


def test_without_an_image_size_a_window_is_needed(labels):
    labels.image_shape = None
    assert len(labels.instances((0, 0, 64, 100))) == 4
    with pytest.raises(ConfigError, match="size of the wafer"):
        labels.instances()


def test_scaled_and_moved_labels_are_new_objects(labels):
    third = labels.scaled(1 / 3)
    assert third.image_shape == (21, 33) and third.image_path is None
    assert np.allclose(third.sections[0].envelope * 3, labels.sections[0].envelope)
    assert np.allclose(third.background * 3, labels.background) and third.sections[1].magnet is None
    moved = labels.moved(4, -2)
    assert np.allclose(moved.sections[2].magnet, labels.sections[2].magnet + [4, -2])
    assert moved.image_shape == (64, 100) and labels.moved(4, -2, (30, 30)).image_shape == (30, 30)
    assert labels.boxes()[0].tolist() == [2, 3, 12, 23]


def test_swapped_and_selected(labels):
    swapped = labels.swapped()
    assert swapped.outlines()[1].tolist() == [TISSUE, MAGNET, MAGNET, TISSUE]
    assert np.array_equal(swapped.sections[0].tissue, labels.sections[0].magnet)
    assert [s.number for s in labels.select([2, 0]).sections] == [6, 1] and len(labels) == 3
    assert [s.number for s in labels.select(np.array([False, True, False])).sections] == [5]


def test_no_sections_give_no_objects():
    empty = WaferLabels(image_shape=(20, 30))
    assert len(empty) == len(empty.instances()) == len(empty.boxes()) == 0
    empty.check_inside()


def test_labels_belong_to_an_image_of_their_size(labels):
    assert labels.of_image((64, 100, 3)).image_shape == (64, 100)
    with pytest.raises(DataError, match="with 64 x 100 pixels .rows x columns., but this image has 100 x 64"):
        labels.of_image((100, 64))
    labels.image_shape = None
    assert len(labels.of_image((80, 90)).instances()) == 4 and labels.image_shape is None
    with pytest.raises(DataError, match="outside"):
        labels.of_image((64, 40))


def test_parts_outside_the_image_are_named(labels):
    labels.check_inside()
    labels.check_inside((56, 55))  # cuts some parts, but none lies completely outside
    with pytest.raises(DataError, match="1 of 4 outlines lie outside.*tissue of section 5 around row 37") as caught:
        labels.check_inside((64, 40), where="labels.json")
    assert caught.value.path == "labels.json"
