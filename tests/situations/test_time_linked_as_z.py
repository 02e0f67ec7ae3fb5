"""A movie is not a volume: slices are linked along z, time points apart, and axes keep their names in all results."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from bright_predict import bright_predict

from mrcnn.images.source import open_image
from mrcnn.results import link_slices, measure_volumes

SIDE, NM, STEP = 40, 100.0, 500.0
CELL = 60  # pixels of the cell in each slice


@pytest.fixture
def predicted(monkeypatch, domain, detector, tmp_path, capsys):
    """Calls the real command; returns (exit code, folder, standard error)."""

    def call(*arguments):
        out = tmp_path / "out"
        code = bright_predict(
            monkeypatch, domain, detector, "--write", "labels,instances,summary", "--out", out, *arguments
        )
        return code, out, capsys.readouterr().err

    return call


def cell(*shape):
    """uint8 [*shape, 40, 40]: the same bright cell in every page."""
    pixels = np.zeros((*shape, SIDE, SIDE), np.uint8)
    pixels[..., 10:16, 12:22] = 200
    return pixels


def imagej(path, axes, **shape):
    """ImageJ also writes spacing=1 into movies."""
    lengths = [shape[a] for a in axes if a in shape]
    metadata = {"axes": axes, "unit": "um", "spacing": STEP / 1e3 if "Z" in axes else 1.0}
    tifffile.imwrite(path, cell(*lengths), imagej=True, resolution=(1e3 / NM, 1e3 / NM), metadata=metadata)
    return path


def ome(path, axes, **shape):
    size = {f"PhysicalSize{a}": v / 1e3 for a, v in (("X", NM), ("Y", NM), ("Z", STEP))}
    pixels = cell(*(shape[a] for a in axes if a in shape))
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": axes, **size})
    return path


def ome_zarr(path, axes, **shape):
    zarr = pytest.importorskip("zarr")
    pixels = cell(*(shape[a] for a in axes if a in shape))
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=pixels.shape, dtype=pixels.dtype)[...] = pixels
    scale = [{"Z": STEP / 1e3, "Y": NM / 1e3, "X": NM / 1e3}.get(a, 1.0) for a in axes]
    named = [{"name": a.lower(), **({"unit": "micrometer"} if a in "ZYX" else {})} for a in axes]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": named, "datasets": datasets}]
    return path


WRITERS = {"movie.tif": imagej, "movie.ome.tif": ome, "movie.ome.zarr": ome_zarr}
VOLUME = 4 * CELL * NM * NM * STEP / 1e9  # of the cell at one time point


@pytest.mark.parametrize(
    ("name", "axes"), [*((name, "TZYX") for name in WRITERS), ("movie.ome.tif", "ZTYX"), ("movie.ome.zarr", "ZTYX")]
)
def test_time_points_of_a_stack_are_linked_apart(predicted, tmp_path, name, axes):
    if name == "movie.tif" and axes == "ZTYX":
        pytest.skip("ImageJ has only one order")
    path = WRITERS[name](tmp_path / name, axes, T=3, Z=4)
    code, out, err = predicted("--link-slices", path)
    assert code == 0 and err == ""
    objects, stacks = pd.read_csv(out / "objects.csv"), pd.read_csv(out / "stacks.csv")
    assert list(objects.columns[:3]) == ["stack", "t", "object"]
    assert objects[["t", "object", "z_first", "z_last", "slices", "voxels"]].values.tolist() == [
        [t, t + 1, 0, 3, 4, 4 * CELL] for t in range(3)
    ]
    assert objects["volume_um3"].tolist() == pytest.approx([VOLUME] * 3)
    assert stacks["t"].tolist() == [0, 1, 2] and stacks["count"].tolist() == [1, 1, 1]
    assert stacks["stack_volume_um3"].tolist() == pytest.approx([4 * SIDE * SIDE * NM * NM * STEP / 1e9] * 3)
    table = pd.read_csv(out / "instances.csv")
    assert list(table.columns[:4]) == ["image", "page", "t", "z"] and len(table) == 12
    assert {(r.t, r.z) for r in table.itertuples()} == {(t, z) for t in range(3) for z in range(4)}
    assert (pd.read_csv(out / "summary.csv")[["page", "t", "z"]] == table[["page", "t", "z"]]).all(axis=None)


@pytest.mark.parametrize("name", WRITERS)
def test_labels_are_written_with_the_axes_that_were_read(predicted, tmp_path, name):
    predicted("--link-slices", WRITERS[name](tmp_path / name, "TZYX", T=3, Z=4))
    for kind, values in (("labels", {1}), ("objects", {1, 2, 3})):
        path = tmp_path / "out" / f"{name.partition('.')[0]}_{kind}.tif"
        path = path if path.exists() else path.with_name(f"movie.ome_{kind}.tif")
        with tifffile.TiffFile(path) as file:
            assert (file.series[0].axes, file.series[0].shape) == ("TZYX", (3, 4, SIDE, SIDE))
            assert set(np.unique(file.asarray())) == {0, *values}
        source = open_image(path)
        assert source.page_axes == (("t", 3), ("z", 4))
        assert source.slice_distance_nm == pytest.approx(STEP) and source.pixel_size_nm == pytest.approx((NM, NM))


@pytest.mark.parametrize("name", WRITERS)
def test_a_movie_has_no_volume_and_it_is_said(predicted, tmp_path, name):
    path = WRITERS[name](tmp_path / name, "TYX", T=3)
    code, out, err = predicted("--link-slices", path)
    assert code == 0 and len(pd.read_csv(out / "instances.csv")) == 3
    assert not (out / "objects.csv").exists() and not list(out.glob("*_objects.tif"))
    assert err.count(f"{name}: its pages are counted along T and are no slices (Z)") == 1
    labels = open_image(next(out.glob("*_labels.tif")))
    assert (labels.page_axes, labels.slice_distance_nm) == ((("t", 3),), None)


def test_a_stack_of_slices_beside_a_movie_is_linked(predicted, tmp_path):
    stack, movie = imagej(tmp_path / "a.tif", "ZYX", Z=4), imagej(tmp_path / "b.tif", "TYX", T=3)
    code, out, err = predicted("--link-slices", stack, movie)
    assert code == 0 and "b.tif: its pages" in err and "a.tif" not in err
    objects = pd.read_csv(out / "objects.csv")
    assert objects["stack"].tolist() == ["a.tif"] and objects["volume_um3"].tolist() == pytest.approx([VOLUME])
    table = pd.read_csv(out / "instances.csv", dtype=str, keep_default_na=False)
    assert list(table.columns[:4]) == ["image", "page", "t", "z"]
    assert table[["t", "z"]].values.tolist() == [["", str(z)] for z in range(4)] + [[str(t), ""] for t in range(3)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_parts_have_the_same_columns_and_those_of_an_older_version_are_computed_again(predicted, tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    paths = imagej(tmp_path / "a.tif", "ZYX", Z=4), imagej(tmp_path / "b.tif", "TZYX", T=2, Z=2)
    arguments = "--link-slices", "--parts", kind, "--part-size", "2", *paths
    assert predicted(*arguments)[0] == 0
    parts = tmp_path / "out" / "parts"
    table = getattr(pd, f"read_{kind}")(parts / f"objects_000000.{kind}")
    assert table["t"].isna().tolist() == [True, False, False] and table["t"].tolist()[1:] == [0, 1]
    run = json.loads((parts / "run.json").read_text())
    del run["linked along"]
    (parts / "run.json").write_text(json.dumps(run))
    code, _, err = predicted(*arguments, "--resume")
    assert code == 0 and "they are computed again" in err


def test_pages_that_the_file_does_not_name_stay_pages(predicted, tmp_path):
    """--link-slices is the word of the user that they are slices."""
    tifffile.imwrite(tmp_path / "plain.tif", cell(4), photometric="minisblack")
    code, out, err = predicted(
        "--pixel-size-nm", NM, "--slice-distance-nm", STEP, "--link-slices", tmp_path / "plain.tif"
    )
    assert code == 0 and "plain.tif: does not say what its pages are; they are linked as slices (Z)." in err
    assert pd.read_csv(out / "objects.csv")["volume_um3"].tolist() == pytest.approx([VOLUME])
    assert not {"t", "z"} & set(pd.read_csv(out / "instances.csv").columns)


def test_positions_of_a_stage_are_no_slices(predicted, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", cell(3, 4), photometric="minisblack", metadata={"axes": "PZYX"})
    code, out, _ = predicted("--link-slices", tmp_path / "p.tif")
    objects = pd.read_csv(out / "objects.csv")
    assert code == 0 and objects[["p", "object", "slices"]].values.tolist() == [[0, 1, 4], [1, 2, 4], [2, 3, 4]]


def test_cells_have_the_columns_as_well(predicted, tmp_path):
    assert predicted("--cells", imagej(tmp_path / "a.tif", "TZYX", T=2, Z=2))[0] == 0
    cells = pd.read_csv(tmp_path / "out" / "cells.csv")
    assert list(cells.columns[:4]) == ["image", "t", "z", "cell"]
    assert cells[["t", "z"]].values.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_outlines_lie_in_their_slice_and_time_point(predicted, tmp_path):
    roifile = pytest.importorskip("roifile")
    predicted("--rois", imagej(tmp_path / "a.tif", "TZYX", T=2, Z=3))
    rois = roifile.roiread(tmp_path / "out" / "a_rois.zip")
    assert [(roi.t_position, roi.z_position) for roi in rois] == [(t, z) for t in (1, 2) for z in (1, 2, 3)]


def test_in_python_a_stack_is_one_time_point(tmp_path):
    from mrcnn.geometry.instances import Instances
    from mrcnn.images.page_axes import stacks_of

    source = open_image(imagej(tmp_path / "a.tif", "TZYX", T=3, Z=4))
    stacks = stacks_of(source.page_axes, source.pages)
    assert [place for place, _ in stacks] == [{"t": 0}, {"t": 1}, {"t": 2}]
    for _, numbers in stacks:
        pages = [Instances.from_label_image(source.read(n)[..., 0] > 100) for n in numbers]
        table = measure_volumes(pages, link_slices(pages), source.pixel_size_nm, source.slice_distance_nm)
        assert table["volume_um3"].tolist() == pytest.approx([VOLUME])
