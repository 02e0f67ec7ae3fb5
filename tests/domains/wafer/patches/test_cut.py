"""Patches of a wafer: windows with enough sections, as a data set and as folders."""

import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.labels.outlines import MAGNET, TISSUE, Section, WaferLabels
from mrcnn.domains.wafer.patches.cut import WaferPatches, grid_patches, random_patches, write_patches
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.errors import ConfigError, DataError

SHAPE = (600, 700)


def section(number, y, x):
    """Sections: tissue of 30 x 60 pixels with a magnet of 15 x 60 below it."""
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], float)
    return Section(number, corners * [30, 60] + [y, x], corners * [15, 60] + [y + 32, x])


def wafer(rows=8, columns=7, image_shape=SHAPE):
    places = [(40 + 65 * r, 60 + 80 * c) for r in range(rows) for c in range(columns)]
    return WaferLabels([section(i, y, x) for i, (y, x) in enumerate(places, start=1)], image_shape=image_shape)


LABELS = wafer()
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), np.uint8)
STACK = ChannelStack.from_arrays({"grey": PIXELS[0], "fluo": PIXELS[1]})


def parts_inside(labels, window, margin):
    """Number of parts of each class with a corner inside the window by at least the margin, counted one by one."""
    y1, x1, y2, x2 = window
    counts = {TISSUE: 0, MAGNET: 0}
    for polygon, class_id, _ in zip(*labels.outlines()):
        counts[class_id] += any(
            y1 + margin <= y <= y2 - 1 - margin and x1 + margin <= x <= x2 - 1 - margin for y, x in polygon
        )
    return counts


@given(st.integers(200, 600), st.integers(200, 700), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99))
def test_random_windows_contain_the_requested_parts(height, width, tissue, magnet, seed):
    windows = random_patches(LABELS, SHAPE, (height, width), 5, tissue, magnet, seed)
    assert len(windows) == 5
    for y1, x1, y2, x2 in windows:
        assert (y2 - y1, x2 - x1) == (height, width) and 0 <= y1 and y2 <= SHAPE[0] and 0 <= x1 and x2 <= SHAPE[1]
        counts = parts_inside(LABELS, (y1, x1, y2, x2), 5)
        assert counts[TISSUE] >= tissue and counts[MAGNET] >= magnet


def test_random_windows_depend_only_on_the_seed():
    one = random_patches(LABELS, SHAPE, 200, 20, seed=7)
    assert one == random_patches(LABELS, SHAPE, 200, 20, seed=7) != random_patches(LABELS, SHAPE, 200, 20, seed=8)
    assert random_patches(LABELS, SHAPE, 200, 5, seed=7) == one[:5]


def test_the_margin_decides_whether_a_part_counts():
    alone = WaferLabels([Section(1, section(1, 50, 50).tissue)], image_shape=(100, 130))
    for window in random_patches(alone, (100, 130), 50, 200, 1, 0, margin=20):
        assert parts_inside(alone, window, 20)[TISSUE] == 1


def test_the_last_place_can_be_drawn():
    assert set(random_patches(LABELS, SHAPE, SHAPE, 3)) == {(0, 0, *SHAPE)}
    rows = {w[0] for w in random_patches(LABELS, SHAPE, (SHAPE[0] - 1, SHAPE[1]), 50)}
    assert rows == {0, 1}


def test_too_few_sections_are_an_error():
    with pytest.raises(DataError, match="hardly any window of 100 x 100 .* 4 tissue parts and 4 magnets: 0 found"):
        random_patches(wafer(1, 1), SHAPE, 100, 2)
    with pytest.raises(DataError, match="hardly any window"):
        random_patches(WaferLabels(image_shape=SHAPE), SHAPE, 100, 2)
    assert len(random_patches(WaferLabels(image_shape=SHAPE), SHAPE, 100, 2, 0, 0)) == 2


@pytest.mark.parametrize(
    "windows_of",
    [
        lambda labels, shape, size: random_patches(labels, shape, size, 3),
        lambda labels, shape, size: grid_patches(labels, shape, size),
    ],
)
def test_impossible_patches_are_errors(windows_of):
    with pytest.raises(DataError, match="has 600 x 700 pixels .rows x columns., less than a patch of 601 x 20"):
        windows_of(LABELS, SHAPE, (601, 20))
    with pytest.raises(ConfigError, match="at least one pixel"):
        windows_of(LABELS, SHAPE, 0)
    with pytest.raises(DataError, match="of 112 outlines lie outside the image of 600 x 300"):
        windows_of(WaferLabels(LABELS.sections), (600, 300), 100)
    with pytest.raises(
        DataError, match="labels, with 600 x 700 pixels .rows x columns., but this image has 1200 x 1400"
    ):
        windows_of(LABELS, (1200, 1400), 100)
    with pytest.raises(ConfigError, match="count"):
        random_patches(LABELS, SHAPE, 100, 0)


@given(st.integers(60, 600), st.integers(60, 700), st.integers(0, 59))
def test_the_grid_covers_the_image(height, width, overlap):
    windows = grid_patches(LABELS, SHAPE, (height, width), overlap)
    covered = np.zeros(SHAPE, bool)
    for y1, x1, y2, x2 in windows:
        assert (y2 - y1, x2 - x1) == (height, width) and y2 <= SHAPE[0] and x2 <= SHAPE[1]
        covered[y1:y2, x1:x2] = True
    assert covered.all() and len(set(windows)) == len(windows)


def test_only_dense_windows_are_kept():
    labels = wafer(3, 7)  # only in the upper part of the image
    everything = grid_patches(labels, SHAPE, 150, 10)
    dense = grid_patches(labels, SHAPE, 150, 10, min_density=0.25)
    foreground = labels.instances().foreground()
    for window in everything:
        inside = foreground[window[0] : window[2], window[1] : window[3]]
        assert (window in dense) == (inside.sum() > 0.25 * (~inside).sum())
    assert 0 < len(dense) < len(everything)
    with pytest.raises(DataError, match="density above 50"):
        grid_patches(labels, SHAPE, 150, 10, min_density=50)


def test_the_data_set_contains_the_windows():
    windows = random_patches(LABELS, SHAPE, (150, 210), 4, seed=1)
    dataset = WaferPatches(STACK, LABELS, windows, pixel_size_nm=100)
    whole = LABELS.instances()
    assert dataset.num_images == 4 and dataset.class_names == ["BG", "tissue", "magnet"]
    for i, (y1, x1, y2, x2) in enumerate(windows):
        assert np.array_equal(dataset.load_image(i), np.moveaxis(PIXELS, 0, -1)[y1:y2, x1:x2])
        found, expected = dataset.load_instances(i), whole.moved((-y1, -x1), (150, 210))
        expected = expected.select(expected.areas() >= 25)
        assert np.array_equal(found.to_masks(), expected.to_masks())
        assert np.array_equal(found.class_ids, expected.class_ids) and found.pixel_size_nm == (100, 100)
        assert dataset.image_shape(i) == (150, 210, 2) and dataset.load_mask(i)[0].shape[:2] == (150, 210)
    assert str(windows[2]) in dataset.image_reference(2)
    assert len(dataset.subset([1, 3]).load_instances(0)) == len(dataset.load_instances(1))


def test_more_wafers_can_be_added_and_stay_separate_groups():
    dataset = WaferPatches(STACK, LABELS, [(0, 0, 100, 100)])
    dataset.add_wafer(ChannelStack.from_arrays({"grey": PIXELS[1], "fluo": PIXELS[0]}), wafer(1, 1), [(0, 0, 90, 130)])
    assert dataset.load_image(1).shape == (90, 130, 2) and len(dataset.load_instances(1)) == 2
    assert dataset.group(0) != dataset.group(1) and len({info["id"] for info in dataset.image_info}) == 2
    with pytest.raises(ConfigError, match="channels grey differ from those"):
        dataset.add_wafer(STACK.with_names(["grey"]), LABELS, [])
    with pytest.raises(DataError, match="outside"):
        dataset.add_wafer(STACK, LABELS.moved(5000, 0), [])
    with pytest.raises(DataError, match="with 300 x 350 pixels"):
        dataset.add_wafer(STACK, LABELS.scaled(0.5), [])


def test_written_patches_match_the_data_set(tmp_path):
    windows = random_patches(LABELS, SHAPE, (150, 210), 6, seed=1)
    stack = STACK.with_names(("grey", "edges", "fluo"))
    folders = write_patches(tmp_path, stack, LABELS, windows, workers=3, progress=False)
    assert [f.name for f in folders] == [f"patch_000{i}" for i in range(1, 7)]
    written = PatchFolderDataset(tmp_path, ("grey", "fluo"))
    direct = WaferPatches(STACK, LABELS, windows)
    for i in range(6):
        assert np.array_equal(written.load_image(i), direct.load_image(i))
        one, other = written.load_instances(i), direct.load_instances(i)
        order = np.argsort(other.class_ids, kind="stable")
        assert np.array_equal(one.to_masks(), other.select(order).to_masks())


def test_interrupted_writing_can_be_resumed(tmp_path):
    windows = random_patches(LABELS, SHAPE, 150, 4, seed=1)
    write_patches(tmp_path, STACK, LABELS, windows[:2], progress=False)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.tif")}
    write_patches(tmp_path, STACK, LABELS, windows, progress=False)
    assert len(list(tmp_path.iterdir())) == 4 and all(p.stat().st_mtime_ns == t for p, t in before.items())


def test_a_truncated_image_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "grey.tif", PIXELS[0])
    stack = ChannelStack(["grey"], {"grey": tmp_path / "grey.tif"})
    windows = grid_patches(LABELS, SHAPE, 200)
    write_patches(tmp_path / "out", stack, LABELS, windows[:2], progress=False)
    with open(tmp_path / "grey.tif", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(DataError, match="grey.tif: is truncated"):
        write_patches(tmp_path / "out", stack, LABELS, windows, progress=False)
    assert len(PatchFolderDataset(tmp_path / "out", ["grey"]).image_info) == 2


def test_patches_of_a_large_wafer_take_little_memory():
    shape = (6136, 5616)
    labels = wafer(25, 20).scaled(3)
    labels.image_shape = shape
    stack = ChannelStack.from_arrays({"grey": np.zeros(shape, np.uint8)})
    windows = random_patches(labels, shape, 1024, 20, seed=0)
    dataset = WaferPatches(stack, labels, windows)
    found = [len(dataset.load_instances(i)) for i in dataset.image_ids]
    tracemalloc.start()
    dataset.load_instances(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A full-size mask of a single object would need 33 MiB.
    assert min(found) >= 8 and peak < 10 * 2**20


def test_real_labels_give_patches(real_data, tmp_path):
    from mrcnn.domains.wafer.labels.read import read_labels

    shape = (5616, 6136)
    labels = read_labels(
        real_data / "wafer_labels" / "silicon_wafer_1" / "source_sections_tissue.txt", image_shape=shape
    )
    windows = random_patches(labels, shape, 512, 1000, seed=0)
    assert len(set(windows)) > 990
    stack = ChannelStack.from_arrays({"grey": np.zeros(shape, np.uint8), "fluo": np.zeros(shape, np.uint8)})
    write_patches(tmp_path, stack, labels, windows[:10], progress=False)
    dataset = PatchFolderDataset(tmp_path)
    counts = [np.bincount(dataset.load_instances(i).class_ids, minlength=3)[1:].min() for i in dataset.image_ids]
    assert len(counts) == 10 and min(counts) >= 3
