"""Images with unusual names are read or refused by name, and files of a folder that are not read are listed."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from bright_blobs import blobs
from bright_predict import bright_predict
from PIL import Image

from mrcnn.commands import datasets
from mrcnn.commands.info import info
from mrcnn.data.readers.open import open_dataset
from mrcnn.errors import DataError


def write_tiff(path, image):
    tifffile.imwrite(path, image)


def write_jpeg(path, image):
    Image.fromarray(image).save(path, "JPEG", quality=95)


def write_pgm(path, image):
    Image.fromarray(image).save(path, "PPM")


NAMES = {
    "f0.tif": write_tiff,
    "f1.jfif": write_jpeg,
    "f2.JPE": write_jpeg,
    "f3.lsm": write_tiff,
    "f4.stk": write_tiff,
    "f5.btf": write_tiff,
    "f6.svs": write_tiff,
    "f9.pgm": write_pgm,
    "f10": write_tiff,
    "f11.0001": write_jpeg,
}


@pytest.fixture
def screen(tmp_path):
    """Ten images of one object each; previews and images of other formats; and files that are no images."""
    folder = tmp_path / "screen"
    folder.mkdir()
    for name, write in NAMES.items():
        write(folder / name, blobs(1))
    write_tiff(folder / "f7.vsi", blobs(1))
    (folder / "f8.oir").write_bytes(b"OLYMPUSRAWFORMAT" + bytes(80))
    (folder / "f12.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8 " + bytes(80))
    (folder / "f0.tif.bak").write_bytes((folder / "f0.tif").read_bytes())
    (folder / "README.txt").write_text("P1 and P2 are patients\n")
    (folder / "RoiSet.zip").write_bytes(b"PK\3\4" + bytes(20))
    (folder / "Thumbs.db").write_bytes(b"x")
    return folder


def test_every_image_is_read_or_refused_and_the_rest_is_listed(monkeypatch, domain, detector, tmp_path, screen, capsys):
    assert bright_predict(monkeypatch, domain, detector, screen, "--out", tmp_path / "out") == 1
    table = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert dict(zip(table["image"], table["count"])) == dict.fromkeys(NAMES, 1)
    said = capsys.readouterr().err
    for name, problem in (
        ("f7.vsi", "has the format .vsi, of which only a preview could be read. Export"),
        ("f8.oir", "has the format .oir, which is not supported. Export"),
        ("f12.webp", "has the format .webp, which is not supported. Export"),
    ):
        assert f"error: {screen / name}: {problem}" in said
    assert (
        f"In {screen}, 3 files are not read, because they are not images or are backup copies: f0.tif.bak, README.txt, "
        "RoiSet.zip."
    ) in said
    failed = pd.read_csv(tmp_path / "out" / "failed.csv")
    assert {name.rpartition("/")[2] for name in failed["file"]} == {"f7.vsi", "f8.oir", "f12.webp"}


def test_a_folder_of_images_alone_says_nothing(monkeypatch, domain, detector, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    write_tiff(tmp_path / "images" / "a.tif", blobs(1))
    (tmp_path / "images" / ".DS_Store").write_bytes(b"x")
    assert bright_predict(monkeypatch, domain, detector, tmp_path / "images", "--out", tmp_path / "out") == 0
    assert "not read" not in capsys.readouterr().err


def mask_folder(folder, suffixes, write=write_tiff):
    """Three objects, each with its own mask file."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks" / "f").mkdir(parents=True)
    write_tiff(folder / "images" / "f.tif", blobs(3))
    for n, suffix in enumerate(suffixes):
        mask = np.zeros((40, 50), np.uint8)
        mask[10:15, 3 + 8 * n : 8 + 8 * n] = 255
        write(folder / "masks" / "f" / f"{n}{suffix}", mask)
    return folder


def test_a_mask_is_an_object_whatever_its_name(tmp_path):
    dataset = open_dataset(mask_folder(tmp_path / "a", (".tif", ".lsm", ".btf")))
    assert dataset.load_instances(0).areas().tolist() == [25, 25, 25]
    assert len(open_dataset(mask_folder(tmp_path / "b", (".jpg", ".jfif", ".jpe"), write_jpeg)).load_instances(0)) == 3
    mask_folder(tmp_path / "c", (".tif", ".tif", ".tif"))
    (tmp_path / "c" / "masks" / "f" / "3.gif").write_bytes(b"GIF89a" + bytes(60))
    with pytest.raises(DataError, match=r"3.gif: has the format .gif, which is not supported"):
        open_dataset(tmp_path / "c")


def test_files_of_a_data_set_that_are_not_read_are_listed_once(tmp_path, domain, capsys):
    folder = mask_folder(tmp_path / "a", (".tif", ".tif", ".tif"))
    (folder / "masks" / "f" / "3.roi").write_bytes(b"Iout" + bytes(60))
    (folder / "images" / "f.tif~").write_bytes(b"x")
    dataset = datasets.evaluation_data(domain, {"dataset": str(folder)}, 1)
    assert len(dataset.load_instances(0)) == 3
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "not read" in line] == [
        "In 2 folders, 2 files are not read, because they are not images or are backup copies: images/f.tif~, f/3.roi."
    ]


def test_info_lists_them_as_well(screen, capsys):
    for name in ("f7.vsi", "f8.oir", "f12.webp"):
        (screen / name).unlink()
    assert info({"paths": [str(screen)]}) == 0
    said = capsys.readouterr()
    assert "10 images of 40 x 50 pixels" in said.out
    assert "RoiSet.zip" in said.err
    assert info({"paths": [str(screen / name) for name in NAMES]}) == 0
    assert "JPEG" in capsys.readouterr().out


def test_rois_and_further_images_inside_a_file_are_told(monkeypatch, domain, detector, tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.tif", "b.tif"):
        rois = {"Overlays": [b"Iout" + bytes(60)] * 2}
        tifffile.imwrite(folder / name, blobs(1), imagej=True, metadata={"axes": "YX", **rois})
    with tifffile.TiffWriter(folder / "c.ome.tif", ome=True) as file:
        for count in (1, 2):
            file.write(blobs(count), photometric="minisblack")
    assert bright_predict(monkeypatch, domain, detector, folder, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert "a.tif (and 1 other image): holds 2 ROIs of ImageJ, which are not used (to export them, in Fiji" in said
    assert "c.ome.tif: holds 2 images, of which only the first" in said
    assert info({"paths": [str(folder / "a.tif")]}) == 0
    assert "holds 2 ROIs of ImageJ" in capsys.readouterr().out


def test_one_file_of_a_set_is_refused_with_the_names_of_the_others(monkeypatch, domain, detector, tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    places = "".join(
        f'<TiffData FirstC="{n}" IFD="0" PlaneCount="1"><UUID FileName="c{n}.ome.tif">urn:uuid:{n}</UUID></TiffData>'
        for n in range(2)
    )
    for n in range(2):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{n}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="50" SizeY="40" SizeC="2" SizeZ="1" '
            f'SizeT="1">{places}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / f"c{n}.ome.tif", blobs(1), description=xml, metadata=None)
    write_tiff(folder / "other.tif", blobs(1))
    assert bright_predict(monkeypatch, domain, detector, folder, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    for n in range(2):
        assert (
            f"c{n}.ome.tif: is one file of an OME-TIFF set: its image is also in c{1 - n}.ome.tif. Save the set" in said
        )
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["image"].tolist() == ["other.tif"]
