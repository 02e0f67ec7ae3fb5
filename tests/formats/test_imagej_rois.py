"""ImageJ ROIs, read back with the library that other programs use."""

import sys

import numpy as np
import pytest

from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.formats.imagej_rois import write_imagej_rois
from mrcnn.geometry.instances import Instances

pytestmark = pytest.mark.filterwarnings("error")


def test_rois_are_named_like_labels_and_replace_an_existing_zip(tmp_path, objects):
    roifile = pytest.importorskip("roifile", exc_type=ModuleNotFoundError)
    two_parts = np.zeros((30, 40, 1), bool)
    two_parts[20:28, 5:15] = two_parts[2, 30] = True
    write_imagej_rois(tmp_path / "a.zip", Instances.from_masks(two_parts))
    assert [r.name for r in roifile.roiread(tmp_path / "a.zip")] == ["1", "1-2"]
    write_imagej_rois(tmp_path / "a.zip", objects)
    rois = roifile.roiread(tmp_path / "a.zip")
    assert [r.name for r in rois] == ["1", "2", "3"]
    points = rois[0].coordinates()
    assert points.min(axis=0).tolist() == [3, 2] and points.max(axis=0).tolist() == [12, 10]  # x, y
    write_imagej_rois(tmp_path / "stack.zip", [objects.select([]), objects.select([2])])
    (roi,) = roifile.roiread(tmp_path / "stack.zip")
    assert (roi.name, roi.position) == ("0002-0001", 2)


def test_rois_need_the_extra_and_a_zip(tmp_path, objects, monkeypatch):
    pytest.importorskip("roifile", exc_type=ModuleNotFoundError)
    with pytest.raises(ConfigError, match="does not end in .zip"):
        write_imagej_rois(tmp_path / "a.roi", objects)
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(MissingExtra, match="pip install roifile$"):
        write_imagej_rois(tmp_path / "a.zip", objects)


@pytest.mark.parametrize("axes", [[("t", 2), ("z", 3)], [("z", 3), ("t", 2)]])
def test_rois_of_a_hyperstack_lie_in_their_slice_and_frame(tmp_path, objects, axes):
    roifile = pytest.importorskip("roifile", exc_type=ModuleNotFoundError)
    write_imagej_rois(tmp_path / "a.zip", [objects.select([0])] * 6, axes)
    found = [{"t": roi.t_position, "z": roi.z_position} for roi in roifile.roiread(tmp_path / "a.zip")]
    (first, n), (second, m) = axes
    assert found == [{first: i, second: j} for i in range(1, n + 1) for j in range(1, m + 1)]
