"""What is written of pages and files: every value of --write, with masks and without, in memory and by window."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.commands.pages import Page, WindowedImage
from mrcnn.commands.predict_writers import OVERLAY_SIDE, PageWriter, write_files
from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.geometry.instances import Instances
from mrcnn.images.source import open_image
from mrcnn.options.predict_arguments import WRITERS
from mrcnn.plot import figures
from mrcnn.results.linking import LinkSettings

NAMES = ("BG", "cell", "nucleus")


def found(shape=(40, 50)):
    """A cell at the edge, and a nucleus."""
    boxes = [[0, 4, 10, 14], [20, 20, 26, 30]]
    return Instances(shape, boxes, [1, 2], [0.9, 0.7], [np.ones((10, 10), bool), np.ones((6, 10), bool)])


@pytest.fixture
def stack(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (3, 40, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", array, photometric="minisblack")
    return tmp_path / "stack.tif"


def pages_of(path):
    source = open_image(path)
    return [Page(0, source, path.name, path.stem, page, source.pages) for page in range(source.pages)]


def written(writer, path, out, size=(5.0, 5.0), objects=found):
    """The results of all pages, and the files that were written."""
    out.mkdir(exist_ok=True)
    results = []
    for page in pages_of(path):
        image = page.source.read(page.page)
        results.append(writer.drawn(writer.page(page, image, objects(), size, draw=True), out))
    tables = write_files(writer, out, page, results, size)
    return results, tables, {p.name for p in out.iterdir()}


FILES = {
    "labels": {"stack_labels.tif"},
    "zarr": {"stack_labels.ome.zarr", "stack_labels_0001.ome.zarr", "stack_labels_0002.ome.zarr"},
    "overlay": {"stack_overlay.png", "stack_overlay_0001.png"},
    "rois": {"stack_rois.zip"},
    "volumes": {"stack_objects.tif"},
}
TABLES = {"instances", "summary", "cells"}


@pytest.mark.parametrize("name", WRITERS)
def test_each_value_of_write_writes_its_files_and_tables_alone(name, stack, tmp_path):
    if name in ("rois", "zarr"):
        pytest.importorskip({"rois": "roifile", "zarr": "zarr"}[name], exc_type=ModuleNotFoundError)
    writer = PageWriter((name,), NAMES, pages=2, link=LinkSettings() if name == "volumes" else None)
    writer.check()
    results, tables, files = written(writer, stack, tmp_path / "out")
    assert files == FILES.get(name, set())
    assert [set(result.tables) for result in results] == [{name} & TABLES] * 3
    assert set(tables) == ({"objects", "stacks"} if name == "volumes" else set())
    assert set(writer.tables()) == {name} & TABLES | set(tables)
    assert all(result.classes == {"cell": 1, "nucleus": 1} and result.image is None for result in results)
    entries = [entry for result in results for entry in result.entries]
    assert len(entries) == (6 if name in ("coco", "masks") else 0)
    assert all(("segmentation" in entry) == (name == "masks") for entry in entries)
    json.dumps(entries)


def test_tables_of_a_page(stack, tmp_path):
    writer = PageWriter(("labels", "instances", "summary", "cells", "detections"), NAMES)
    results, _, _ = written(writer, stack, tmp_path / "out")
    tables = results[1].tables
    assert list(tables["instances"].columns[:5]) == ["image", "page", "instance", "class_id", "class"]
    assert tables["instances"]["class"].tolist() == ["cell", "nucleus"]
    assert tables["instances"]["page"].tolist() == [1, 1]
    summary = tables["summary"].iloc[0]
    assert (summary["image"], summary["page"], summary["labels"], summary["count"]) == (
        "stack.tif",
        1,
        "stack_labels.tif",
        2,
    )
    assert summary["area_total_um2"] == pytest.approx(160 * 25e-6)
    assert set(tables["detections"]["image"]) == set(tables["cells"]["image"]) == {"stack.tif[1]"}


def test_columns_are_the_same_without_objects(stack, tmp_path):
    names = ("instances", "summary", "cells", "detections")
    for real_masks in (True, False):
        writer = PageWriter(names, NAMES, real_masks)
        with_objects, _, _ = written(writer, stack, tmp_path / "a")
        without, _, _ = written(writer, stack, tmp_path / "b", objects=lambda: found().select([]))
        for name in names:
            one, none = with_objects[0].tables[name], without[0].tables[name]
            assert list(one.columns) == list(none.columns)
            assert len(none) == (1 if name == "summary" else 0)
            assert name == "summary" or (one.dtypes == none.dtypes).all()
        assert without[0].classes == {}


# --- Boxes ---
def test_a_model_that_finds_only_boxes(stack, tmp_path):
    writer = PageWriter(("overlay", "instances", "summary", "coco", "cells"), NAMES, real_masks=False, pages=1)
    writer.check()
    results, tables, files = written(writer, stack, tmp_path / "out")
    assert files == {"stack_overlay.png"} and tables == {}
    table, summary = results[0].tables["instances"], results[0].tables["summary"].iloc[0]
    assert not {c for c in table.columns if "area" in c or "axis" in c or "perimeter" in c}
    assert table["touches_border"].tolist() == [True, False]
    assert "area_total_px" not in summary and summary["count"] == 2
    assert summary["density_per_um2"] == pytest.approx(2 / (2000 * 25e-6))
    assert results[0].tables["cells"]["area_px"].tolist() == [100, 60]  # of the boxes


@pytest.mark.parametrize("refused", [("labels",), ("masks", "rois"), ("zarr",), ("volumes",)])
def test_what_needs_masks_is_refused_in_one_line(refused):
    with pytest.raises(ConfigError) as error:
        PageWriter((*refused, "instances"), NAMES, real_masks=False).check()
    said = str(error.value)
    assert "\n" not in said and f"--write {refused[0]}: this model is a Faster R-CNN" in said
    assert f"Leave out {' and '.join(refused)}." in said


@pytest.mark.parametrize(("name", "package"), [("rois", "roifile"), ("zarr", "zarr")])
def test_a_missing_package_is_named_before_the_detection(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=f"pip install {package}"):
        PageWriter((name,), NAMES).check()


# --- A prepared part of the image ---
@pytest.mark.parametrize("real_masks", [True, False])
def test_the_edges_of_the_part_that_the_network_saw_cut_objects(stack, real_masks):
    writer = PageWriter(("instances", "summary"), NAMES, real_masks)
    page = pages_of(stack)[0]
    for window, touching in (
        ((0, 0, 40, 50), [True, False]),
        ((0, 0, 26, 50), [True, True]),
        ((0, 4, 40, 50), [True, False]),
    ):
        result = writer.page(page, page.source.read(0), found(), None, window)
        assert result.tables["instances"]["touches_border"].tolist() == touching
        area = (window[2] - window[0]) * (window[3] - window[1])
        assert result.tables["summary"]["image_area_px"].tolist() == [area]


# --- Large pages ---
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("real_masks", [True, False])
def test_a_page_by_window_gives_the_same_as_in_memory(tmp_path, channels, real_masks):
    array = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, array, photometric="rgb")
    (page,) = pages_of(path)
    writer = PageWriter(("overlay", "instances", "summary", "cells"), NAMES, real_masks, channels)
    drawings = []
    for name, image in (("memory", page.source.read(0)), ("window", WindowedImage(page.source, 0))):
        (tmp_path / name).mkdir()
        result = writer.drawn(writer.page(page, image, found(), None, draw=True), tmp_path / name)
        drawings.append((result.tables, (tmp_path / name / "rgb_overlay.png").read_bytes()))
    (tables, drawing), (others, other) = drawings
    assert drawing == other
    for name in tables:
        pd.testing.assert_frame_equal(tables[name], others[name])


def test_large_pages_are_drawn_reduced(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("mrcnn.commands.predict_writers.OVERLAY_SIDE", 20)
    monkeypatch.setattr(
        "mrcnn.commands.predict_writers.draw_instances",
        lambda image, found, **_: drawn.append((image, found)) or figures.picture_axes((9, 9))[0],
    )
    array = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
    tifffile.imwrite(tmp_path / "a.tif", array)
    (page,) = pages_of(tmp_path / "a.tif")
    for image in (page.source.read(0), WindowedImage(page.source, 0)):
        PageWriter(("overlay",), NAMES).drawn(
            PageWriter(("overlay",), NAMES).page(page, image, found(), None, draw=True), tmp_path
        )
    assert OVERLAY_SIDE > 1000
    for image, objects in drawn:
        np.testing.assert_array_equal(image[..., 0], array[::3, ::3])
        assert objects.image_shape == (14, 17) and len(objects) == 2


def test_without_class_names_ids_are_shown(stack):
    page = pages_of(stack)[0]
    result = PageWriter(("instances", "detections"), None).page(page, page.source.read(0), found(), None)
    assert result.tables["instances"]["class"].tolist() == result.tables["detections"]["class"].tolist() == ["1", "2"]
    assert result.classes == {"1": 1, "2": 1}
