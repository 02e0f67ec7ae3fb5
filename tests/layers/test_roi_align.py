"""RoI pooling, compared with samples that NumPy takes one by one."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.geometry.regions import to_normalised
from mrcnn.layers.roi_align import PyramidROIAlign, RoICells, flatten_pyramid, pyramid_roi_align, roi_levels

pytestmark = pytest.mark.usefixtures("quick_compiles")
# A large image with small maps, so boxes of moderate size use every level.
IMAGE = (512, 640)
SHAPES = ((16, 20), (8, 10), (4, 5), (2, 3))


def feature_maps(seed=0, images=2, channels=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (images, *shape, channels)).astype(np.float32) for shape in SHAPES]


def boxes_of_all_levels(seed=0):
    """float32 [2, 16, 4]: boxes of all sizes, some partly or completely outside of the image, some without area."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.02, 1, (2, 16, 1)) * rng.uniform(0.7, 1, (2, 16, 2))
    centre = rng.uniform(-0.1, 1.1, (2, 16, 2))
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=2)
    boxes[:, 0] = 0.0  # padding
    boxes[:, 1] = (0.3, 0.4, 0.3, 0.8)  # without height
    boxes[:, 2] = (1.2, 1.3, 1.6, 1.9)
    boxes[:, 3] = (-0.9, -0.8, -0.1, -0.2)
    return boxes.astype(np.float32)


def level_of(box):
    height, width = float(box[2]) - float(box[0]), float(box[3]) - float(box[1])
    if height <= 0 or width <= 0:
        return 2
    level = np.log2(np.sqrt(height * width) / (224 / np.sqrt(IMAGE[0] * IMAGE[1])))
    return int(np.clip(4 + np.round(level), 2, 5))


def bilinear(feature_map, y, x):
    """The map interpolated between its pixels; y and x are inside the map."""
    top, left = int(np.floor(y)), int(np.floor(x))
    bottom, right = min(top + 1, len(feature_map) - 1), min(left + 1, feature_map.shape[1] - 1)
    fy, fx = y - top, x - left
    upper = feature_map[top, left] * (1 - fx) + feature_map[top, right] * fx
    lower = feature_map[bottom, left] * (1 - fx) + feature_map[bottom, right] * fx
    return upper * (1 - fy) + lower * fy


def crop_and_resize(feature_map, box, size):
    """TensorFlow's rule: samples from corner to corner, in the middle for one sample; 0 outside."""
    height, width, channels = feature_map.shape
    found = np.zeros((size, size, channels))
    for i in range(size):
        for j in range(size):
            fi, fj = (i / (size - 1), j / (size - 1)) if size > 1 else (0.5, 0.5)
            y = (box[0] + fi * (box[2] - box[0])) * (height - 1)
            x = (box[1] + fj * (box[3] - box[1])) * (width - 1)
            if 0 <= y <= height - 1 and 0 <= x <= width - 1:
                found[i, j] = bilinear(feature_map, y, x)
    return found


def roi_align(feature_map, box, size):
    """RoIAlign of the Mask R-CNN paper, with pixel centres at halves: the mean of 2 x 2 samples per bin."""
    height, width, channels = feature_map.shape
    y1, x1 = box[0] * (IMAGE[0] - 1), box[1] * (IMAGE[1] - 1)
    y2, x2 = box[2] * (IMAGE[0] - 1) + 1, box[3] * (IMAGE[1] - 1) + 1
    scale_y, scale_x = height / IMAGE[0], width / IMAGE[1]
    bin_height, bin_width = (y2 - y1) * scale_y / size, (x2 - x1) * scale_x / size
    found = np.zeros((size, size, channels))
    for i in range(size):
        for j in range(size):
            for di in (0.25, 0.75):
                for dj in (0.25, 0.75):
                    y = y1 * scale_y + (i + di) * bin_height - 0.5
                    x = x1 * scale_x + (j + dj) * bin_width - 0.5
                    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
                    found[i, j] += bilinear(feature_map, y, x) / 4
    return found


def test_levels():
    boxes = boxes_of_all_levels()
    found = ops.convert_to_numpy(roi_levels(boxes, float(IMAGE[0] * IMAGE[1])))
    expected = [[level_of(box) for box in image] for image in boxes]
    np.testing.assert_array_equal(found, expected)
    assert set(found.ravel()) == {2, 3, 4, 5} and found.dtype == np.int32
    # On both sides of the transition between levels 3 and 4, at 224 / sqrt(2) pixels.
    side = 224 / np.sqrt(2) / 512
    steps = np.array([[[0, 0, side * 0.999, side * 0.999], [0, 0, side * 1.001, side * 1.001]]], np.float32)
    assert ops.convert_to_numpy(roi_levels(steps, 512.0 * 512.0)).tolist() == [[3, 4]]


@pytest.mark.parametrize("aligned", [False, True])
def test_boxes_of_any_image_in_one_row(aligned, gradients_of):
    """Features and gradients of the maps are the same as for boxes sorted by image."""
    maps, boxes = feature_maps(), boxes_of_all_levels()
    images = np.random.default_rng(0).permutation(np.repeat(np.arange(2, dtype=np.int32), 16))
    place = np.argsort(np.argsort(images, kind="stable"))
    row = boxes.reshape(1, 32, 4)[:, place]
    weights = np.random.default_rng(1).normal(0, 1, (2, 16, 3, 3, 3)).astype(np.float32)

    def sorted_ones(*maps):
        return pyramid_roi_align(boxes, list(maps), 3, IMAGE, aligned)

    def mixed(*maps):
        return pyramid_roi_align(row, list(maps), 3, IMAGE, aligned, images[None])

    expected = ops.convert_to_numpy(sorted_ones(*maps)).reshape(32, 3, 3, 3)[place]
    np.testing.assert_allclose(ops.convert_to_numpy(mixed(*maps))[0], expected, atol=1e-5)
    by_row = weights.reshape(1, 32, 3, 3, 3)[:, place]
    both = (
        gradients_of(lambda *maps: ops.sum(sorted_ones(*maps) * weights), *maps),
        gradients_of(lambda *maps: ops.sum(mixed(*maps) * by_row), *maps),
    )
    for one, other in zip(*both):
        assert one.any()
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(("aligned", "twin"), [(False, crop_and_resize), (True, roi_align)])
@pytest.mark.parametrize("pool", [1, 3, 7])
def test_every_bin(pool, aligned, twin):
    maps, boxes = feature_maps(pool), boxes_of_all_levels(pool)
    found = ops.convert_to_numpy(pyramid_roi_align(boxes, maps, pool, IMAGE, aligned))
    expected = [
        [twin(maps[level_of(box) - 2][i].astype(float), box.astype(float), pool) for box in boxes[i]] for i in range(2)
    ]
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_aligned_pooling_of_a_ramp_is_exact():
    """The mean of a linear map over a bin is its value at the bin's centre, in the image's own coordinates."""
    ramps = [np.broadcast_to((np.arange(w) + 0.5)[:, None] / w, (1, h, w, 1)).astype(np.float32) for h, w in SHAPES]
    box_px = np.array([[100.0, 200.0, 300.0, 520.0]])
    box = (box_px - [0, 0, 1, 1]) / [511, 639, 511, 639]
    found = ops.convert_to_numpy(pyramid_roi_align(box[None].astype(np.float32), ramps, 4, IMAGE, aligned=True))
    centres = (200 + (np.arange(4) + 0.5) * 320 / 4) / 640
    np.testing.assert_allclose(found[0, 0, :, :, 0], np.tile(centres, (4, 1)), atol=1e-5)


@pytest.mark.parametrize("aligned", [False, True])
def test_gradient_flows_into_the_maps_and_not_into_the_boxes(aligned, gradients_of):
    maps, boxes = feature_maps(), boxes_of_all_levels()
    weights = np.random.default_rng(1).normal(0, 1, (2, 16, 3, 3, 3)).astype(np.float32)

    def weighted_sum(boxes, *maps):
        return ops.sum(pyramid_roi_align(boxes, list(maps), 3, IMAGE, aligned) * weights)

    of_boxes, *of_maps = gradients_of(weighted_sum, boxes, *maps)
    assert not of_boxes.any()
    assert all(g.any() for g in of_maps)
    # The pooling is linear in the maps, so the gradient times the maps is the pooling itself.
    along = sum(float((g * m).sum()) for g, m in zip(of_maps, maps))
    np.testing.assert_allclose(along, float(weighted_sum(boxes, *maps)), rtol=1e-3)


def test_nan_boxes_are_pooled_without_an_error():
    """So a diverged network reaches its losses, which name the image, and does not fail in a gather operation."""
    boxes = boxes_of_all_levels()
    sane = ops.convert_to_numpy(pyramid_roi_align(boxes, feature_maps(), 3, IMAGE))
    boxes[0, 0], boxes[0, 1, 2] = np.nan, np.inf
    found = ops.convert_to_numpy(pyramid_roi_align(boxes, feature_maps(), 3, IMAGE))
    np.testing.assert_array_equal(found[1], sane[1])
    np.testing.assert_array_equal(found[0, 2:], sane[0, 2:])


@pytest.mark.parametrize("aligned", [False, True])
def test_gradient_of_many_boxes_on_one_place_is_whole(aligned, gradients_of):
    """TensorFlow's own gradient of `crop_and_resize` is incomplete: its threads overwrite each other's sums.

    All weights are 1, so the gradient of a map is the number of samples in it.
    """
    maps = [np.ones((1, h, w, 64), np.float32) for h, w in SHAPES]
    rng = np.random.default_rng(0)
    corner = rng.uniform(0.2, 0.4, (1, 400, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.05, 0.4, (1, 400, 2))], axis=2).astype(np.float32)
    levels = ops.convert_to_numpy(roi_levels(boxes, float(IMAGE[0] * IMAGE[1])))

    def total(*maps):
        return ops.sum(pyramid_roi_align(boxes, list(maps), 7, IMAGE, aligned))

    for level, of_map in enumerate(gradients_of(total, *maps), start=2):
        np.testing.assert_allclose(of_map.sum(axis=(0, 1, 2)), 49 * (levels == level).sum(), rtol=1e-4)


def test_flatten_pyramid():
    maps = feature_maps()
    table, heights, widths, offsets, rows = flatten_pyramid(maps, border=1)
    assert ops.convert_to_numpy(heights).tolist() == [h + 2 for h, _ in SHAPES]
    assert ops.convert_to_numpy(widths).tolist() == [w + 2 for _, w in SHAPES]
    sizes = [(h + 2) * (w + 2) for h, w in SHAPES]
    assert int(rows) == sum(sizes) and ops.convert_to_numpy(offsets).tolist() == np.cumsum([0, *sizes[:-1]]).tolist()
    row = int(rows) + int(offsets[1]) + 3 * 12 + 4  # second image, second level, its third row and fourth column
    np.testing.assert_array_equal(ops.convert_to_numpy(table)[row], maps[1][1, 2, 3])


def test_layer():
    layer = PyramidROIAlign((3, 3), aligned=True, name="pool")
    again = PyramidROIAlign.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    meta = np.zeros((2, 15), np.float32)
    meta[:, 4:6] = IMAGE
    boxes, maps = boxes_of_all_levels(), feature_maps()
    expected = ops.convert_to_numpy(pyramid_roi_align(boxes, maps, 3, IMAGE, True))
    np.testing.assert_array_equal(ops.convert_to_numpy(again([boxes, meta, *maps])), expected)
    symbolic = layer([keras.Input((7, 4)), keras.Input((15,)), *(keras.Input((None, None, 3)) for _ in range(4))])
    assert symbolic.shape == (None, 7, 3, 3, 3)
    with pytest.raises(ValueError, match="square"):
        PyramidROIAlign((3, 4))


def ramp(side):
    """A map [1, side, side, 2] of an image of 64 x 64 pixels: y and x of the middles, in pixels of the image."""
    middle = (np.arange(side, dtype=np.float32) + 0.5) * 64 / side
    return np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1)[None]


@pytest.mark.parametrize("geometry", ["matterport", "area"])
def test_cells_are_sampled_in_their_middles(geometry):
    boxes = np.array([[8, 12, 40, 28], [3.5, 20.25, 30, 55]])
    normalised = to_normalised(boxes, (64, 64), geometry)[None]
    meta = np.zeros((1, 14), np.float32)
    meta[:, 4:6] = 64
    found = ops.convert_to_numpy(RoICells(4, geometry)([normalised, meta, ramp(32)]))
    assert found.shape == (1, 2, 4, 4, 2)
    for box, cells in zip(boxes, found[0]):
        y, x = (box[i] + (np.arange(4) + 0.5) * (box[i + 2] - box[i]) / 4 for i in (0, 1))
        np.testing.assert_allclose(cells[..., 0], np.broadcast_to(y[:, None], (4, 4)), atol=1e-3)
        np.testing.assert_allclose(cells[..., 1], np.broadcast_to(x, (4, 4)), atol=1e-3)


@pytest.mark.parametrize("aligned", [False, True])
def test_regions_in_continuous_coordinates_are_the_same_pixels(aligned):
    boxes, meta = np.array([[8, 12, 40, 28], [3, 20, 30, 55]]), np.zeros((1, 14), np.float32)
    meta[:, 4:6] = 64
    maps = [ramp(side) for side in (16, 8, 4, 2)]
    found = [
        ops.convert_to_numpy(
            PyramidROIAlign((3, 3), aligned, geometry)([to_normalised(boxes, (64, 64), geometry)[None], meta, *maps])
        )
        for geometry in ("matterport", "area")
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
