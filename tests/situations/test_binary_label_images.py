"""U-Net style data: each label image holds 0 and one other value, or shades between them after it was resized.

A cell per image instead of six, or two hundred "objects" of shades, is a wrong number; so is a score of such a truth.
"""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import zoom

from mrcnn.commands import evaluation
from mrcnn.commands.evaluation import evaluate
from mrcnn.data.readers.open import open_any, open_dataset
from mrcnn.errors import DataError

SIDE = 64
MEANT = "mode=semantic .*mode=instances"


def six_cells():
    """bool [64, 64]: six cells of different sizes, apart from each other."""
    rows, columns = np.indices((SIDE, SIDE))
    mask = np.zeros((SIDE, SIDE), bool)
    for i in range(6):
        y, x = 16 + 30 * (i // 3), 12 + 20 * (i % 3)
        mask |= (rows - y) ** 2 + (columns - x) ** 2 < (4 + i % 3 * 2) ** 2
    return mask


def resized(mask):
    """Smooth 0 to 255, as a network's output that was brought to the size of the image."""
    return np.clip(np.rint(zoom(mask[::2, ::2] * 255.0, 2, order=1)), 0, 255).astype(np.uint8)


def write(folder, labels, suffix="png", truth="masks", count=2):
    for i in range(count):
        for name, pixels in (("images", np.where(six_cells(), 200, 20).astype(np.uint8)), (truth, labels)):
            path = folder / name / f"f{i}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path) if suffix == "png" else tifffile.imwrite(path, pixels)
    return folder


def counts(dataset):
    return [len(dataset.load_instances(i)) for i in dataset.image_ids]


@pytest.mark.parametrize("opened", [open_dataset, open_any])
@pytest.mark.parametrize(("value", "suffix"), [(255, "png"), (1, "tif")])
def test_each_cell_is_an_object_and_it_is_said(tmp_path, opened, value, suffix):
    dataset = opened(write(tmp_path, np.uint8(six_cells()) * value, suffix))
    with pytest.warns(UserWarning, match=MEANT) as said:
        assert counts(dataset) == [6, 6]
    assert len(said) == 1
    assert counts(opened(tmp_path, mode="semantic")) == [6, 6]
    assert counts(opened(tmp_path, mode="instances")) == [1, 1]


def test_a_folder_of_binary_masks_per_class(tmp_path):
    write(tmp_path, np.uint8(six_cells()) * 255, truth="labels/cell")
    with pytest.warns(UserWarning, match=MEANT):
        assert counts(open_any(tmp_path)) == [6, 6]


def test_masks_that_were_resized_are_refused(tmp_path):
    write(tmp_path, resized(six_cells()))
    with pytest.raises(DataError, match="f0.png: holds shades of grey.*Threshold .* at 128"):
        counts(open_dataset(tmp_path))


def test_numbers_that_were_resized_are_refused(tmp_path):
    """Interpolation between the numbers of objects makes objects at all edges."""
    labels = np.zeros((SIDE, SIDE), np.uint16)
    labels[4:24, 4:24], labels[4:24, 34:60], labels[34:60, 10:50] = 300, 1200, 5000
    write(tmp_path, np.rint(zoom(labels[::2, ::2].astype(float), 2, order=1)).astype(np.uint16), "tif")
    with pytest.raises(DataError, match="f0.tif: .*values that occur only at edges.*resize numbers without interp"):
        counts(open_dataset(tmp_path))


def test_a_stack_that_was_resized_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((2, SIDE, SIDE), np.uint8), photometric="minisblack")
    pages = np.stack([resized(six_cells())] * 2)
    tifffile.imwrite(tmp_path / "truth.tif", pages, photometric="minisblack")
    with pytest.raises(DataError, match="truth.tif: holds shades"):
        counts(open_dataset(tmp_path / "image.tif", tmp_path / "truth.tif"))


def test_one_number_for_several_cells_is_said(tmp_path):
    """Classes as values: neither foreground only nor a number per object."""
    labels = np.uint8(six_cells())
    labels[:, 32:] *= 2
    dataset = open_dataset(write(tmp_path, labels))
    with pytest.warns(UserWarning, match=r"f0.png: the label [12] is in [34] pieces far apart.*mode=semantic"):
        counts(dataset)
    dataset = open_any(tmp_path, class_map={1: "left", 2: "right"})
    with pytest.warns(UserWarning, match="pieces far apart.*classes.csv instead of class_map, and pass mode=semantic"):
        counts(dataset)
    (tmp_path / "classes.csv").write_text("image,label,class\n" + "f0,1,left\nf0,2,right\nf1,1,left\nf1,2,right\n")
    assert counts(open_any(tmp_path, mode="semantic")) == [8, 8]  # the classes meet in the two cells in the middle


@pytest.mark.parametrize("layout", ["Masks/f0/all.png", "f0/masks/all.png"])
def test_the_foreground_in_a_mask_folder_is_said(tmp_path, layout):
    image = tmp_path / ("Images/f0.png" if layout.startswith("Masks") else "f0/images/f0.png")
    for path, pixels in ((image, np.zeros((SIDE, SIDE), np.uint8)), (tmp_path / layout, np.uint8(six_cells()) * 255)):
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path)
    with pytest.warns(UserWarning, match="all.png: this mask is in 6 pieces far apart.*mode=semantic"):
        counts(open_dataset(tmp_path))


def test_a_perfect_model_has_a_perfect_score(domain, detector, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "scored_detector", lambda domain, options: (detector, 0.7))
    options = {"weights": "run", "dataset": str(write(tmp_path, np.uint8(six_cells()) * 255)), "out": tmp_path / "out"}
    with pytest.warns(UserWarning, match=MEANT):
        assert evaluate(domain, options) == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["threat_score"]["0.50"] == 1


def test_background_counted_from_one(tmp_path):
    """Programs that write 1 for the background and 2 for the object."""
    write(tmp_path, np.uint8(six_cells()) + 1)
    with pytest.raises(DataError, match="f0.png: has no background: no pixel is 0, and the label 1 .*subtract 1"):
        counts(open_dataset(tmp_path))


@pytest.mark.parametrize("folder", ["labels", "Masks/f0"])
def test_a_shape_only_in_transparency_is_refused(tmp_path, folder):
    path = tmp_path / folder / ("f0.png" if folder == "labels" else "1.png")
    for file in (path, tmp_path / "images" / "f0.png"):
        file.parent.mkdir(parents=True)
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(tmp_path / "images" / "f0.png")
    alpha = np.uint8(six_cells()) * 255
    Image.fromarray(np.dstack([np.full_like(alpha, 255)] * 3 + [alpha])).save(path)
    with pytest.raises(DataError, match=f"{path.name}: has one colour everywhere, and a shape only in its alpha"):
        counts(open_dataset(tmp_path))


@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_of_everything_is_refused_unless_it_is_meant(tmp_path, inverted):
    mask = ~six_cells() if inverted else np.ones((SIDE, SIDE), bool)
    for file, pixels in (("images/f0.png", mask * 0), ("Masks/f0/1.png", mask)):
        (tmp_path / file).parent.mkdir(parents=True)
        Image.fromarray(np.uint8(pixels) * 255).save(tmp_path / file)
    with pytest.raises(DataError, match="1.png: .*no_background=True"):
        counts(open_dataset(tmp_path))
    assert counts(open_dataset(tmp_path, no_background=True)) == [1]
