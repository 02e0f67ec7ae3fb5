import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats.coco_segments import box_of_segment, segment_of
from mrcnn.formats.segments import BoxMask, CocoSegment

TRIANGLE = [10, 10, 30, 10, 10, 30]


@pytest.mark.parametrize("found", [None, [], "", {}, [[]], [[], []], 0])
def test_nothing(found):
    assert segment_of("x", found) is None


@pytest.mark.parametrize("found", [[TRIANGLE], TRIANGLE, [[10, 10], [30, 10], [10, 30]], [[], TRIANGLE]])
def test_one_polygon(found):
    segment = segment_of("x", found)
    assert segment.segmentation == [TRIANGLE] and box_of_segment("x", segment) == (10, 10, 30, 30)


@pytest.mark.parametrize(
    "found",
    [
        [[1, 2, 3, 4]],
        [[1, 2], [3, 4]],
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, True, 6],
        [TRIANGLE, 5],
        "1 2 3 4 5 6",
        5,
        [[1, 2, 3, 4, 5, float("nan")]],
        [[1, 2, 3, 4, 5, 10**400]],
        {"counts": [1, 2]},
        {"size": [2], "counts": [4]},
        {"size": [2, 2], "counts": [1, 2]},
        {"size": [2, 2], "counts": [5, -1]},
        {"size": [2, 2], "counts": None},
        {"size": [0, 2], "counts": []},
        {"size": [2**40, 2], "counts": "a"},
        {"size": ["x", 2], "counts": "a"},
    ],
)
def test_what_is_no_segmentation(found):
    with pytest.raises(DataError, match="here: has (a segmentation that is neither|size = )"):
        segment_of("here", found)


@given(st.data())
def test_box_of_run_lengths_without_decoding_them(data):
    coco = pytest.importorskip("pycocotools.mask")
    shape = data.draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    values = data.draw(st.lists(st.booleans(), min_size=49, max_size=49))
    mask = np.array(values[: shape[0] * shape[1]]).reshape(shape)
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    found = BoxMask(0, 0, mask, shape)
    for segment in (CocoSegment({"size": list(shape), "counts": packed}), CocoSegment(found.segmentation)):
        if not mask.any():
            with pytest.raises(DataError, match="without a pixel"):
                box_of_segment("x", segment)
            continue
        rows, columns = np.nonzero(mask)
        assert box_of_segment("x", segment) == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert found.box() == box_of_segment("x", segment)
        np.testing.assert_array_equal(segment.mask(shape), mask)


def test_a_length_that_never_ends_is_refused_at_once():
    segment = CocoSegment({"size": [4, 6], "counts": "P" * 1_000_000})
    with pytest.raises(DataError, match="cannot be decoded"):
        segment.box("x")
