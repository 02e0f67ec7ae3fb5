"""TIFFs whose tags say that white is 0, or that numbers are colours: what viewers show is measured, or one refusal."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from bright_blobs import BrightIsObject, blobs
from bright_predict import bright_predict
from PIL import Image

from mrcnn.commands.info_images import describe_image
from mrcnn.data.grey_levels import intensities
from mrcnn.data.readers.open import open_dataset

BRIGHT, DARK = 50_000, 100  # of 16-bit images


def deep(count):
    return np.where(blobs(count) > 0, BRIGHT, DARK).astype(np.uint16)


class BrightWhenShown(BrightIsObject):
    """Looks at grey levels as a trained network does, where bits are 0 and 255."""

    def predict(self, images, pixel_size_nm=None):
        return super().predict([intensities(image, self.config) for image in images], pixel_size_nm)


@pytest.fixture
def counts(monkeypatch, domain, tmp_path):
    """Objects that `mrcnn predict` finds in each image of a folder."""

    def call(folder, code=0):
        out = tmp_path / "out"
        assert bright_predict(monkeypatch, domain, BrightWhenShown(), folder, "--out", out) == code
        table = pd.read_csv(out / "summary.csv")
        return dict(zip(table["image"], table["count"]))

    return call


def test_the_negative_of_a_scanner_shows_the_same_objects(tmp_path, counts):
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "normal.tif", blobs(4))
    tifffile.imwrite(folder / "scanner.tif", 255 - blobs(4), photometric="miniswhite")
    tifffile.imwrite(folder / "tiles.tif", 255 - blobs(4), photometric="miniswhite", tile=(16, 16), compression="lzw")
    tifffile.imwrite(folder / "scanner16.tif", 65535 - deep(4), photometric="miniswhite")
    tifffile.imwrite(folder / "stack.tif", 255 - np.stack([blobs(4)] * 2), photometric="miniswhite")
    fax = "group4" if 4 in tifffile.TIFF.DECOMPRESSORS else "packbits"  # with an older imagecodecs
    Image.fromarray(blobs(4) > 0).save(folder / "fax.tif", compression=fax)
    Image.fromarray(blobs(4) > 0).convert("1").save(folder / "bits.tif")
    found = counts(folder)
    assert set(found.values()) == {4} and len(found) == 7


def test_inverting_lookup_tables_of_imagej_do_not_change_what_it_measures(tmp_path, counts):
    folder = tmp_path / "images"
    folder.mkdir()
    description = "ImageJ=1.54f\nimages=1\nmin=0.0\nmax=255.0\n"
    options = {"photometric": "miniswhite", "metadata": None, "description": description}
    tifffile.imwrite(folder / "inverted_lut.tif", blobs(3), **options)
    assert counts(folder) == {"inverted_lut.tif": 3}
    assert describe_image(folder / "inverted_lut.tif")["range"] == [0, 200]


def test_colours_are_those_of_the_palette_and_of_the_inks(tmp_path, counts):
    folder = tmp_path / "images"
    folder.mkdir()
    table = np.zeros((3, 256), np.uint16)
    table[:, 7] = 60_000  # the objects are number 7, which is white
    tifffile.imwrite(folder / "palette.tif", np.uint8(blobs(3) > 0) * 7, photometric="palette", colormap=table)
    inks = np.zeros((*blobs(3).shape, 4), np.uint8)
    inks[..., 3] = np.where(blobs(3) > 0, 0, 255)  # black ground
    tifffile.imwrite(folder / "inks.tif", inks, photometric="separated")
    lab = folder / "lab.tif"
    tifffile.imwrite(lab, np.dstack([blobs(3)] * 3), photometric="rgb")
    with tifffile.TiffFile(lab, mode="r+b") as tif:
        tif.pages[0].tags["PhotometricInterpretation"].overwrite(8)
    assert counts(folder, code=1) == {"palette.tif": 3, "inks.tif": 3}
    assert "CIE Lab" in (tmp_path / "out" / "failed.csv").read_text()


def test_bilevel_masks_are_the_objects_and_not_the_ground(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks" / "f").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "images" / "f.tif", blobs(3))
    for n in range(3):
        mask = np.zeros((40, 50), bool)
        mask[10:15, 3 + 8 * n : 8 + 8 * n] = True
        tifffile.imwrite(tmp_path / "masks" / "f" / f"{n}.tif", ~mask, photometric="miniswhite", metadata=None)
    assert open_dataset(tmp_path).load_instances(0).areas().tolist() == [25, 25, 25]


@pytest.mark.parametrize("photometric", ["miniswhite", "palette"])
def test_label_images_keep_their_numbers(tmp_path, photometric):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    labels = np.zeros((40, 50), np.uint8)
    for n in range(3):
        labels[10:15, 3 + 8 * n : 8 + 8 * n] = n + 1
    tifffile.imwrite(tmp_path / "images" / "f.tif", blobs(3))
    if photometric == "palette":
        table = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
        tifffile.imwrite(tmp_path / "labels" / "f.tif", labels, photometric="palette", colormap=table)
        assert open_dataset(tmp_path).load_instances(0).areas().tolist() == [25, 25, 25]
        return
    tifffile.imwrite(tmp_path / "labels" / "f.tif", labels, photometric="miniswhite")
    with pytest.raises(ValueError, match="f.tif: is a label image whose numbers are inverted.*save it again"):
        open_dataset(tmp_path).load_instances(0)


def test_pages_of_labels_with_a_palette_keep_their_numbers(tmp_path):
    labels = np.zeros((2, 40, 50), np.uint8)
    for n in range(3):
        labels[:, 10:15, 3 + 8 * n : 8 + 8 * n] = n + 1
    table = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([blobs(3)] * 2), photometric="minisblack")
    tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="palette", colormap=table)
    dataset = open_dataset(tmp_path / "stack.tif", tmp_path / "labels.tif")
    assert [len(dataset.load_instances(int(i))) for i in dataset.image_ids] == [3, 3]
