"""Photographs that state their orientation: pixels and labels agree, as in the programs in which they were labelled."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from bright_predict import bright_predict
from PIL import Image

from mrcnn.data.readers.boxes import BoxDataset

HEIGHT, WIDTH = 48, 32  # upright
BOX = (30, 4, 44, 16)  # y1, x1, y2, x2, upright


def upright():
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[BOX[0] : BOX[2], BOX[1] : BOX[3]] = 255
    return image


def as_stored(orientation):
    """The pixels that a camera stores, so that the image is upright when it is shown."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright())


def write(path, orientation):
    stored = np.ascontiguousarray(as_stored(orientation))
    if path.suffix == ".tif":
        tifffile.imwrite(path, stored, extratags=[(274, "H", 1, orientation, True)])
        return
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 95} if path.suffix == ".jpg" else {}
    Image.fromarray(stored).save(path, exif=exif, **options)


ALL = [(suffix, orientation) for suffix in ("jpg", "png", "tif") for orientation in range(1, 9)]


@pytest.mark.parametrize("suffix, orientation", ALL)
def test_boxes_drawn_on_the_upright_image_lie_on_the_object(tmp_path, suffix, orientation):
    write(tmp_path / f"a.{suffix}", orientation)
    y1, x1, y2, x2 = BOX
    coco = {
        "images": [{"id": 1, "file_name": f"a.{suffix}", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(coco))
    dataset = BoxDataset(tmp_path / "a.json", outlines=False)
    image, objects = dataset.load_image(0), dataset.load_instances(0)
    assert image.shape[:2] == (HEIGHT, WIDTH) == dataset.image_shape(0)[:2]
    assert objects.boxes.tolist() == [list(BOX)]
    inside = image[y1:y2, x1:x2, 0].astype(float)
    assert inside.mean() > 250 and image[..., 0].astype(float).sum() < 1.05 * inside.sum() + 20 * HEIGHT


def test_objects_are_found_where_a_viewer_shows_them(monkeypatch, domain, detector, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for suffix, orientation in ALL:
        write(folder / f"{suffix}{orientation}.{suffix}", orientation)
    assert bright_predict(monkeypatch, domain, detector, folder, "--out", tmp_path / "out") == 0
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert len(table) == len(ALL)
    boxes = table[["y1", "x1", "y2", "x2"]].to_numpy()
    assert (boxes == BOX).all()
    for path in (tmp_path / "out").glob("*_labels.tif"):
        assert tifffile.imread(path).shape == (HEIGHT, WIDTH)
