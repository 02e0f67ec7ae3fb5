"""Volumes of bodies with known volume; summaries; the label stack read back."""

import numpy as np
import pytest
import tifffile

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.results.linking import LinkSettings, link_slices
from mrcnn.results.volumes import measure_volumes, summarize_volumes, write_volume_tiff

A, B, FAR = (2, 2, 12, 12), (3, 3, 13, 13), (20, 25, 28, 35)


def slice_of(*boxes, shape=(30, 40), scores=None, class_ids=None):
    """A slice with filled rectangles (y1, x1, y2, x2)."""
    masks = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    return Instances(shape, np.array(boxes, np.int32).reshape(-1, 4), class_ids, scores, masks)


def ball(depth=21, side=31, radius=9, step=1.0):
    """A stack of slices of a ball, and the centre of its images."""
    y, x = np.mgrid[:side, :side] - side // 2
    cuts = [(z - depth // 2) * step for z in range(depth)]
    return [Instances.from_masks((y**2 + x**2 + c**2 <= radius**2)[..., None], scores=[0.8]) for c in cuts]


def test_volume_of_a_ball():
    pages = ball(side=41, depth=31, radius=13)
    ids = link_slices(pages, LinkSettings(min_iou=0.001))
    row = measure_volumes(pages, ids, 5, 5, ["BG", "ball"]).iloc[0]
    assert row["volume_um3"] == pytest.approx(4 / 3 * np.pi * 0.065**3, rel=0.01)
    assert row["equivalent_diameter_nm"] == pytest.approx(130, rel=0.01)
    assert row[["centroid_z_px", "centroid_y_px", "centroid_x_px"]].tolist() == pytest.approx([15, 20, 20])
    assert row[["object", "class", "z_first", "z_last", "slices"]].tolist() == [1, "ball", 2, 28, 27]
    assert row[["y1", "x1", "y2", "x2"]].tolist() == [7, 7, 34, 34]
    assert (row["score"], row["score_max"]) == pytest.approx((0.8, 0.8))
    assert not row["touches_border"]


def test_non_cubic_voxels():
    pages = ball(depth=11, radius=12, step=3.0, side=31)
    ids = link_slices(pages, LinkSettings(min_iou=0.001))
    table = measure_volumes(pages, ids, (10, 20), 30)
    assert table["volume_um3"].tolist() == pytest.approx([table.loc[0, "voxels"] * 6e-6])


def test_touches_border_covers_every_side_of_the_stack():
    inside, edge = (2, 2, 12, 12), (0, 20, 8, 30)
    pages = [slice_of(), slice_of(inside, edge), slice_of(inside), slice_of()]
    table = measure_volumes(pages, link_slices(pages))
    assert table["touches_border"].tolist() == [False, True]
    assert "volume_um3" not in table
    assert measure_volumes(pages[1:], link_slices(pages[1:]))["touches_border"].tolist() == [True, True]


def test_summary_of_a_stack():
    pages = [slice_of(), slice_of((2, 2, 12, 12), (0, 20, 5, 30)), slice_of((2, 2, 12, 12)), slice_of()]
    table = measure_volumes(pages, link_slices(pages), 100, 100)
    summary = summarize_volumes(table, (4, 30, 40), 100, 100)
    assert (summary["count"], summary["count_whole"]) == (2, 1)
    assert (summary["voxels_total"], summary["voxels_mean"], summary["voxels_sd"]) == pytest.approx(
        (250, 125, np.std([200, 50], ddof=1))
    )
    assert summary["volume_total_um3"] == pytest.approx(0.25)
    assert summary["stack_volume_um3"] == pytest.approx(4.8)
    assert summary["volume_fraction"] == pytest.approx(250 / 4800)
    assert summary["density_per_um3"] == pytest.approx(2 / 4.8)
    assert "volume_total_um3" not in summarize_volumes(table, (4, 30, 40), 100)


def test_an_empty_stack_has_the_same_columns():
    pages = [slice_of(), slice_of()]
    empty, full = (measure_volumes(p, link_slices(p), 5, 5) for p in (pages, [slice_of(A)]))
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    summary = summarize_volumes(empty, (2, 30, 40), 5, 5)
    assert summary["count"] == 0 and summary["density_per_um3"] == 0 and np.isnan(summary["volume_mean_um3"])


def test_label_stack_is_read_back_with_its_voxel_size(tmp_path):
    pages = [slice_of(A, FAR, scores=[0.9, 0.3]), slice_of(FAR, B), slice_of(B)]
    ids = link_slices(pages, LinkSettings(low_score=0.5, high_score=0.5))
    write_volume_tiff(tmp_path / "v.tif", pages, ids, (5, 4), 20)
    with tifffile.TiffFile(tmp_path / "v.tif") as file:
        labels, described, page = file.asarray(), file.imagej_metadata, file.pages[0]
        assert file.series[0].axes == "ZYX"
        assert page.tags["XResolution"].value[0] / page.tags["XResolution"].value[1] == pytest.approx(1e7 / 4)
        assert page.tags["YResolution"].value[0] / page.tags["YResolution"].value[1] == pytest.approx(1e7 / 5)
    assert described["spacing"] == pytest.approx(20e-7) and described["unit"] == "cm"
    assert labels.dtype == np.uint16
    for page, numbers, plane in zip(pages, ids, labels, strict=True):
        for i, number in enumerate(numbers):
            y1, x1, y2, x2 = page.boxes[i]
            assert (plane[y1:y2, x1:x2] == number).all()
        assert set(np.unique(plane)) == {0, *numbers.tolist()}


def test_an_instance_that_is_left_out_hides_nothing(tmp_path):
    page = slice_of(A, B, scores=[0.3, 0.9])
    write_volume_tiff(tmp_path / "v.tif", [page], [np.array([4, 0])])
    labels = tifffile.imread(tmp_path / "v.tif")
    assert (labels == 4).sum() == 100


def test_mismatched_slices_are_clear_errors(tmp_path):
    with pytest.raises(ConfigError, match="do not match"):
        measure_volumes([slice_of(A)], [np.array([1, 2])])
    with pytest.raises(ConfigError, match="pixel size"):
        write_volume_tiff(tmp_path / "v.tif", [slice_of(A)], [np.array([1])], voxel_depth_nm=5)
