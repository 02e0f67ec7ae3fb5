import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mrcnn.data.readers.labels import LabelRules, check_labels, is_semantic, objects_from_labels, split_touching
from mrcnn.errors import ConfigError, DataError

LABELS = arrays(np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 1, 2, 300]))


@given(LABELS)
def test_each_value_is_an_object(labels):
    objects, values = objects_from_labels(labels, LabelRules(), semantic=False)
    assert values.tolist() == [v for v in np.unique(labels) if v]
    masks = objects.to_masks()
    for i, value in enumerate(values):
        np.testing.assert_array_equal(masks[..., i], labels == value)


@given(LABELS, st.integers(0, 6), st.sampled_from([1, 2]))
def test_components_partition_the_foreground(labels, smallest, connectivity):
    from scipy.ndimage import label

    objects, values = objects_from_labels(labels, LabelRules(connectivity=connectivity, min_size_px=smallest), True)
    found, count = label(labels > 0, structure=np.ones((3, 3)) if connectivity == 2 else None)
    sizes = np.bincount(found.ravel(), minlength=count + 1)[1:]
    assert sorted(objects.areas()) == sorted(sizes[sizes >= smallest])
    assert len(values) == len(objects) and objects.to_masks().sum(axis=-1).max(initial=0) <= 1


@given(LABELS, st.integers(1, 4), st.sampled_from([1, 2]))
def test_watershed_keeps_foreground_and_never_joins(labels, distance, connectivity):
    from skimage.measure import label

    components = label(labels > 0, connectivity=connectivity)
    split = split_touching(components, distance, connectivity)
    np.testing.assert_array_equal(split > 0, components > 0)
    for value in np.unique(split[split > 0]):
        assert len(np.unique(components[split == value])) == 1


def test_watershed_splits_touching_disks():
    rows, columns = np.mgrid[:40, :70]
    two = ((rows - 20) ** 2 + (columns - 20) ** 2 < 144) | ((rows - 20) ** 2 + (columns - 42) ** 2 < 144)
    assert len(objects_from_labels(two, LabelRules(), True)[0]) == 1
    objects, _ = objects_from_labels(two, LabelRules(watershed_distance_px=10), True)
    assert len(objects) == 2
    assert abs(int(objects.areas()[0]) - int(objects.areas()[1])) < 40


def test_is_semantic_stops_when_it_knows():
    def labels():
        yield np.array([[0, 255]])
        yield np.array([[0, 7]])
        raise AssertionError("read on")

    assert not is_semantic(labels())
    assert is_semantic([np.array([[0, 255]]), np.array([[0, 0]])])


def test_refusals():
    with pytest.raises(DataError, match="3 channels"):
        check_labels(np.zeros((4, 5, 3), np.uint8), "a")
    with pytest.raises(DataError, match="float32"):
        check_labels(np.zeros((4, 5), np.float32), "a")
    with pytest.raises(DataError, match="negative label -2"):
        check_labels(np.full((4, 5), -2, np.int16), "a")
    for options in (
        {"mode": "both"},
        {"connectivity": 3},
        {"min_size_px": -1},
        {"min_size_px": 1.5},
        {"watershed_distance_px": 0},
    ):
        with pytest.raises(ConfigError, match=next(iter(options))):
            LabelRules(**options)


@pytest.mark.parametrize("mode", ["auto", "semantic"])
def test_a_blurred_foreground_is_refused(mode):
    """Like a JPEG saved as PNG later; numbered objects are never mistaken for it."""
    from scipy.ndimage import gaussian_filter

    rows, columns = np.indices((64, 64))
    sharp = np.where((rows - 30) ** 2 + (columns - 30) ** 2 < 400, 255.0, 0.0)
    blurred = gaussian_filter(sharp, 0.4).round().astype(np.uint8)
    with pytest.raises(DataError, match="mask_3.png.*shades of grey.*save it losslessly"):
        check_labels(blurred, "mask_3.png", mode)
    check_labels(blurred, "mask_3.png", "instances")
    for fine in (sharp.astype(np.uint8), np.arange(256, dtype=np.uint8).repeat(16).reshape(64, 64)):
        check_labels(fine, "mask_3.png", mode)
