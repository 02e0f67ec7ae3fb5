"""Linking through z: chains, branches, gaps, hysteresis."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.results.linking import LinkSettings, link_slices
from mrcnn.results.volumes import label_slice, measure_volumes


def slice_of(*boxes, shape=(30, 40), scores=None, class_ids=None):
    """A slice with filled rectangles (y1, x1, y2, x2)."""
    masks = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    return Instances(shape, np.array(boxes, np.int32).reshape(-1, 4), class_ids, scores, masks)


def ids_of(pages, **options):
    return [ids.tolist() for ids in link_slices(pages, LinkSettings(**options))]


A, B, FAR = (2, 2, 12, 12), (3, 3, 13, 13), (20, 25, 28, 35)


def test_overlapping_instances_are_one_object_and_numbers_follow_the_first_slice():
    assert ids_of([slice_of(A), slice_of(FAR, B), slice_of(A, FAR)]) == [[1], [2, 1], [1, 2]]


def test_an_iou_below_the_minimum_starts_a_new_object():
    pages = [slice_of(A), slice_of(B)]  # 81 of 119 pixels
    assert ids_of(pages, min_iou=81 / 120) == [[1], [1]]
    assert ids_of(pages, min_iou=82 / 119) == [[1], [2]]


def test_classes_are_never_linked():
    assert ids_of([slice_of(A), slice_of(A, class_ids=[2])]) == [[1], [2]]


def test_a_branch_is_a_separate_object_by_default():
    whole, left, right = (5, 5, 15, 25), (5, 5, 15, 16), (5, 18, 15, 25)
    pages = [slice_of(whole), slice_of(right, left), slice_of(whole)]
    assert ids_of(pages) == [[1], [2, 1], [1]]
    assert ids_of(pages, one_to_one=False) == [[1], [1, 1], [1]]


def test_the_pairing_has_the_highest_sum_of_overlaps():
    """The first of two could take either; it leaves the one that the second needs."""
    wide, narrow = (5, 0, 15, 20), (5, 12, 15, 26)
    pages = [slice_of(narrow, wide), slice_of((5, 10, 15, 24), (5, 0, 15, 12))]
    assert ids_of(pages) == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("gap", "expected"),
    [(0, [[1], [], [], [2]]), (1, [[1], [], [], [2]]), (2, [[1], [], [], [1]]), (5, [[1], [], [], [1]])],
)
def test_a_gap_is_bridged_up_to_its_length(gap, expected):
    assert ids_of([slice_of(A), slice_of(), slice_of(), slice_of(A)], max_gap=gap) == expected


def test_a_gap_does_not_skip_a_present_instance():
    pages = [slice_of(A, FAR), slice_of(A), slice_of(FAR, A)]
    assert ids_of(pages, max_gap=1) == [[1, 2], [1], [2, 1]]


def test_hysteresis_keeps_uncertain_slices_of_a_certain_object_only():
    pages = [
        slice_of(A, FAR, scores=[0.5, 0.5]),
        slice_of(A, FAR, scores=[0.9, 0.6]),
        slice_of(A, FAR, scores=[0.2, 0.5]),
    ]
    assert ids_of(pages, low_score=0.4, high_score=0.8) == [[1, 0], [1, 0], [0, 0]]
    assert ids_of(pages, low_score=0.4, high_score=0.6) == [[1, 2], [1, 2], [0, 2]]


def test_a_score_equal_to_the_high_threshold_is_enough():
    assert ids_of([slice_of(A, scores=[0.7])], low_score=0.7, high_score=0.7) == [[1]]


def test_short_objects_are_left_out_and_the_others_numbered_without_gaps():
    assert ids_of([slice_of(FAR), slice_of(A), slice_of(A)], min_slices=2) == [[0], [1], [1]]


@given(st.integers(0, 2**31), st.integers(1, 5))
@settings(max_examples=25)
def test_joining_all_that_touches_gives_the_components_of_the_volume(seed, depth):
    """If any overlap suffices and branches join, objects are 3-D components: 8-connected in a slice, 1 through z."""
    volume = np.random.default_rng(seed).random((depth, 7, 8)) < 0.35
    flat = np.ones((3, 3))
    pages = [Instances.from_label_image(label(v, flat)[0]) for v in volume]
    ids = link_slices(pages, LinkSettings(min_iou=1e-6, one_to_one=False))
    labels = np.stack([label_slice(page, numbers) for page, numbers in zip(pages, ids)])
    structure = np.zeros((3, 3, 3))
    structure[1], structure[0, 1, 1], structure[2, 1, 1] = flat, 1, 1
    expected, count = label(volume, structure)
    assert labels.max(initial=0) == count
    assert len(set(zip(labels.ravel().tolist(), expected.ravel().tolist()))) == len(np.unique(expected))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_iou": 0}, "min_iou"),
        ({"min_iou": 1.5}, "min_iou"),
        ({"low_score": 0.9, "high_score": 0.5}, "low_score"),
        ({"max_gap": -1}, "max_gap"),
        ({"min_slices": 0}, "min_slices"),
        ({"high_score": "1"}, "high_score"),
    ],
)
def test_invalid_settings_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        LinkSettings(**options)


def test_mismatched_slices_are_clear_errors():
    with pytest.raises(ConfigError, match="Slice 1 is 30 x 41"):
        link_slices([slice_of(A), slice_of(A, shape=(30, 41))])
    with pytest.raises(ConfigError, match="at least one slice"):
        link_slices([])


def test_a_real_stack_is_linked_to_its_components(real_data):
    """Mitochondria of neighbouring slices, 5 nm apart, overlap almost completely: linking finds the 3-D components."""
    with tifffile.TiffFile(real_data / "epfl_ca1" / "training_groundtruth.tif") as file:
        volume = file.asarray(key=slice(0, 30)) > 0
    pages = [Instances.from_label_image(label(v, np.ones((3, 3)))[0], pixel_size_nm=5) for v in volume]
    structure = np.stack([np.eye(3)[1][:, None] * np.eye(3)[1]] * 3)
    structure[1] = 1
    components = label(volume, structure)[1]
    joined = link_slices(pages, LinkSettings(min_iou=1e-6, one_to_one=False))
    assert max(ids.max(initial=0) for ids in joined) == components
    ids = link_slices(pages)
    assert abs(max(i.max(initial=0) for i in ids) - components) <= 0.2 * components
    table = measure_volumes(pages, ids, voxel_depth_nm=5)
    assert table["voxels"].sum() == volume.sum()
    assert table["volume_um3"].sum() == pytest.approx(volume.sum() * 125e-9)
