"""Every spelling of a unit is understood; an unknown one is told, and never replaced by the settings' pixel size."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tifffile
from bright_predict import bright_predict

from mrcnn.commands.info_images import describe_image
from mrcnn.data.readers.open import open_dataset
from mrcnn.images.read import read_pixel_size_nm

AREA = 60  # pixels of the object
NM = 200.0
SPELLINGS = {
    "um": 1e3,
    "µm": 1e3,
    "micrometres": 1e3,
    "Micrometers": 1e3,
    "microns": 1e3,
    "\\u00B5m": 1e3,
    "nanometres": 1.0,
    "NM": 1.0,
    "angstroms": 0.1,
    "millimetre": 1e6,
    "cm": 1e7,
    "picometres": 1e-3,
}


def image():
    pixels = np.zeros((40, 40), np.uint8)
    pixels[10:16, 12:22] = 200
    return pixels


def imagej(path, unit, size):
    """A TIFF of ImageJ whose pixels have this size in this unit."""
    tifffile.imwrite(path, image(), imagej=True, resolution=(1 / size, 1 / size), metadata={"unit": unit})
    return path


def ome(path, unit, size):
    sizes = {f"PhysicalSize{a}": size for a in "XY"} | {f"PhysicalSize{a}Unit": unit for a in "XY"}
    tifffile.imwrite(path, image(), ome=True, metadata={"axes": "YX", **sizes})
    return path


def ome_zarr(path, unit, size):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=(40, 40), dtype="u1")[...] = image()
    axes = [{"name": a, "type": "space", "unit": unit} for a in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [size, size]}]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return path


WRITERS = {"a.tif": imagej, "a.ome.tif": ome, "a.ome.zarr": ome_zarr}


@pytest.fixture
def predicted(monkeypatch, domain, detector, tmp_path, capsys):
    """Calls the real command; returns (summary.csv, standard error)."""

    def call(*arguments):
        out = tmp_path / "out"
        assert bright_predict(monkeypatch, domain, detector, "--write", "summary", "--out", out, *arguments) == 0
        return pd.read_csv(out / "summary.csv"), capsys.readouterr().err

    return call


@pytest.mark.parametrize("settings", [None, 5.0])
@pytest.mark.parametrize("name", WRITERS)
def test_the_same_field_has_the_same_area_however_its_unit_is_spelled(predicted, tmp_path, name, detector, settings):
    detector.config.PIXEL_SIZE_NM = settings
    paths = []
    for i, (unit, nm) in enumerate(SPELLINGS.items()):
        if name == "a.tif" and not unit.isascii():
            unit = "\\u00B5m"  # as ImageJ writes it; a TIFF description is ASCII
        (tmp_path / str(i)).mkdir()
        paths.append(WRITERS[name](tmp_path / str(i) / name, unit, NM / nm))
    table, err = predicted(*paths)
    assert table["area_total_um2"].tolist() == pytest.approx([AREA * NM * NM / 1e6] * len(paths), rel=1e-4)
    assert err.count("the settings have 5 nm") == (settings is not None)


@pytest.mark.parametrize("settings", [None, 5.0])
@pytest.mark.parametrize("name", WRITERS)
def test_an_unknown_unit_is_told_once_and_no_other_size_takes_its_place(predicted, tmp_path, name, detector, settings):
    detector.config.PIXEL_SIZE_NM = settings
    paths = [WRITERS[name](tmp_path / f"{i}{name}", "furlong", 0.2) for i in range(3)]
    table, err = predicted(*paths)
    assert not [column for column in table.columns if "um2" in column]
    assert err.count("furlong") == 1
    assert f"0{name} (and 2 other images): states a pixel size in the unit 'furlong', which is not known" in err
    assert "give the true size with --pixel-size-nm." in err
    table, err = predicted("--pixel-size-nm", NM, *paths)
    assert table["area_total_um2"].tolist() == pytest.approx([AREA * NM * NM / 1e6] * 3) and "furlong" not in err


@pytest.mark.parametrize("size", [1e300, 1e-12, -1.0, 0.0, float("nan"), float("inf")])
def test_a_size_that_no_microscope_has_is_told_and_not_used(predicted, tmp_path, detector, size):
    detector.config.PIXEL_SIZE_NM = 5.0
    table, err = predicted(ome(tmp_path / "a.ome.tif", "µm", size))
    assert not [column for column in table.columns if "um2" in column]
    assert f"states a pixel size of {size} µm, which no microscope has" in err


@pytest.mark.parametrize("argument", ["1e300", "1e-9", "5,1e12"])
def test_nor_can_an_option_or_a_setting_have_it(predicted, domain, tmp_path, argument, capsys):
    with pytest.raises(SystemExit):
        predicted("--pixel-size-nm", argument, imagej(tmp_path / "a.tif", "um", 0.2))
    assert f"no microscope has pixels of '{argument}' nm" in capsys.readouterr().err


def test_which_of_two_sizes_is_used_is_said(predicted, tmp_path, detector):
    paths = [imagej(tmp_path / f"{i}.tif", "um", 0.2) for i in range(2)]
    _, err = predicted("--pixel-size-nm", "100", *paths)
    said = "0.tif (and 1 other image): states a pixel size of 200 nm; --pixel-size-nm is used instead."
    assert err.splitlines() == [said]
    assert predicted("--pixel-size-nm", "200", *paths)[1] == ""
    detector.config.PIXEL_SIZE_NM = 5.0
    tifffile.imwrite(tmp_path / "silent.tif", image())
    table, err = predicted(tmp_path / "silent.tif")
    assert "silent.tif: states no pixel size; that of the settings, 5 nm, is assumed." in err
    assert table["area_total_um2"].tolist() == pytest.approx([AREA * 25e-6])


def test_data_sets_and_info_tell_it_as_well(tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for i in range(3):
        imagej(tmp_path / "images" / f"{i}.tif", "furlong", 0.2)
        tifffile.imwrite(tmp_path / "labels" / f"{i}.tif", (image() > 0).astype(np.uint8))
    dataset = open_dataset(tmp_path, mode="instances")
    with pytest.warns(
        UserWarning, match="0.tif: states a pixel size in the unit 'furlong'.*give the true size"
    ) as said:
        assert [dataset.pixel_size_nm(i) for i in dataset.image_ids] == [None] * 3
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_dataset(tmp_path, mode="instances", pixel_size_nm=5.0).pixel_size_nm(0) == (5, 5)
    assert any(
        "'furlong', which is not known" in note for note in describe_image(tmp_path / "images" / "0.tif")["notes"]
    )


@pytest.mark.parametrize(
    "unit", [b"\xb5m", "µm".encode(), "μm".encode(), "Âµm".encode(), b"\xe6m", b"?m", b"\xc2\xb5m/pixel"]
)
def test_units_of_a_wrong_encoding_are_read(tmp_path, unit):
    description = b"ImageJ=1.53t\nimages=1\nunit=" + unit + b"\n"
    tifffile.imwrite(tmp_path / "a.tif", image(), description=description, resolution=(5.0, 5.0), metadata=None)
    assert read_pixel_size_nm(tmp_path / "a.tif") == pytest.approx((NM, NM))


def test_axes_of_a_file_may_have_units_of_their_own(tmp_path):
    metadata = {"unit": "um", "yunit": "nm"}
    tifffile.imwrite(tmp_path / "a.tif", image(), imagej=True, resolution=(5.0, 1 / 300), metadata=metadata)
    assert read_pixel_size_nm(tmp_path / "a.tif") == pytest.approx((300, 200))
