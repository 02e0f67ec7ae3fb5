"""Masks that cannot be right are told from those that can."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.ndimage import zoom

from mrcnn.data.readers.masks import read_mask_files
from mrcnn.data.readers.plausible import (
    check_alpha,
    check_background,
    check_mask_extent,
    check_mask_values,
    pieces_apart,
    values_at_edges,
)
from mrcnn.errors import DataError


def discs(count=4, side=96, radius=8):
    """bool [side, side]: discs in a row of four, and their numbers."""
    rows, columns = np.indices((side, side))
    labels = np.zeros((side, side), np.uint8)
    for i in range(count):
        y, x = 14 + 24 * (i // 4), 12 + 24 * (i % 4)
        labels[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = i + 1
    return labels


# --- Files ---
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_shape_in_the_alpha_channel(tmp_path, mode):
    path, shape = tmp_path / "mask.png", np.uint8(discs() > 0) * 255
    constant = [np.full_like(shape, 255)] * (len(mode) - 1)
    Image.fromarray(np.dstack([*constant, shape]), mode).save(path)
    with pytest.raises(DataError, match="mask.png: has one colour everywhere, and a shape only in its alpha channel"):
        check_alpha(path)
    Image.fromarray(np.dstack([*[shape] * (len(mode) - 1), shape]), mode).save(path)
    check_alpha(path)  # the shape is in the colours, too


# --- Masks of one object ---
def soft(mask, factor=2):
    return zoom(mask.astype(float) * 255, factor, order=1).round().astype(np.uint8)


def decoded_jpeg(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=75)
    return np.asarray(Image.open(data))


@pytest.mark.parametrize(
    "pixels",
    [
        soft(discs(1) > 0),
        np.uint8(np.clip(np.rint(zoom((discs(1) > 0) * 255.0, 0.5, order=1, grid_mode=True, mode="nearest")), 0, 255)),
        soft(discs(1) > 0) / 255.0,
        decoded_jpeg(np.uint8(discs(1) > 0) * 255),
        np.dstack([soft(discs(1) > 0)] * 3),
    ],
    ids=["enlarged", "reduced", "probabilities", "once a JPEG", "colour"],
)
def test_soft_edges_are_refused_with_the_threshold_that_cures(pixels):
    with pytest.raises(DataError, match="m.png: has soft edges.*Pass threshold=(128|0.5|127)"):
        check_mask_values(pixels, "m.png")


@pytest.mark.parametrize(
    "pixels",
    [
        np.uint8(discs(1) > 0),
        np.uint8(discs(1) > 0) * 255,
        np.uint16(discs(1) > 0) * 60000,
        np.dstack([np.uint8(discs(1) > 0) * 200] * 3),
        np.dstack([np.uint8(discs(1) > 0) * v for v in (200, 10, 0)]),
        discs(2),
        np.zeros((20, 20), np.uint8),
    ],
)
def test_plain_masks_are_accepted(pixels):
    check_mask_values(pixels, "m.png")


def test_several_objects_in_a_mask_file_are_refused():
    with pytest.raises(DataError, match="holds areas of 4 values, but a mask file is for one object.*threshold=0"):
        check_mask_values(discs(4), "m.png")
    colours = np.zeros((96, 96, 3), np.uint8)
    colours[discs() == 1], colours[discs() == 2] = (255, 0, 0), (0, 255, 0)
    with pytest.raises(DataError, match="holds areas of 2 colours"):
        check_mask_values(colours, "m.png")


def test_everything_is_no_object_unless_it_is_meant(tmp_path):
    with pytest.raises(DataError, match="m: is a mask of everything.*no_background=True"):
        check_mask_extent(np.ones((9, 9), bool), "m")
    with pytest.raises(DataError, match="m: covers 9[0-9]% of the image and all four corners.*reversed"):
        check_mask_extent(discs(1) == 0, "m")
    large = np.zeros((20, 20), bool)
    large[:, 4:] = True
    check_mask_extent(large, "m")
    path = tmp_path / "full.png"
    Image.fromarray(np.full((20, 20), 255, np.uint8)).save(path)
    assert read_mask_files([path], path, no_background=True).areas().tolist() == [400]
    with pytest.raises(DataError, match="full.png: is a mask of everything"):
        read_mask_files([path], path)


# --- Label images ---
def test_a_label_image_without_background():
    with pytest.raises(DataError, match="no pixel is 0, and the label 7 covers 100% of the image.*no_background"):
        check_background(np.full((9, 9), 7), "l")
    from_one = (discs() > 0) + 1
    with pytest.raises(DataError, match="the label 1 covers 9[0-9]%.*subtract 1"):
        check_background(from_one, "l")
    check_background(discs(), "l")
    tissue = np.arange(16).repeat(6).reshape(1, 96).repeat(96, axis=0) + 1  # cells that fill the image
    check_background(tissue, "l")


@given(arrays(np.uint8, (12, 14), elements=st.sampled_from([0, 0, 0, 1, 2, 255])))
def test_a_background_is_enough(labels):
    labels[0, 0] = 0
    check_background(labels, "l")


def test_values_at_edges():
    blurred = soft(discs() > 0)
    assert 255 not in values_at_edges(blurred) and len(values_at_edges(blurred)) > 2
    assert not len(values_at_edges(discs()))
    dots = np.zeros((40, 40), np.uint8)
    dots[::4, ::4] = np.arange(1, 101).reshape(10, 10)
    dots[30:, 30:] = 200
    assert not len(values_at_edges(dots))  # tiny objects are no edges


# --- Objects ---
def test_pieces_apart():
    assert pieces_apart(discs(1) > 0) == pieces_apart(discs(2) > 0) == 1
    assert pieces_apart(discs(4) > 0) == 4
    dashed = np.zeros((20, 80), bool)
    for i in range(8):
        dashed[5:15, 10 * i : 10 * i + 9] = True  # one object with thin gaps
    assert pieces_apart(dashed) == 1
    specks = discs(1) > 0
    specks[60:62, 60:62] = specks[80:82, 20:22] = specks[80:82, 80:82] = True
    assert pieces_apart(specks) == 1
