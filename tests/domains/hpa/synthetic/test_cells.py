"""Synthetic fields of cells: the ground truth matches the image, and a set is reproducible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, gaussian_filter, label

from mrcnn.domains.hpa.synthetic.cells import OUTLINES, SyntheticCells, generate_field
from mrcnn.domains.hpa.synthetic.stains import SPOTS
from mrcnn.errors import ConfigError

seeds = st.integers(0, 2**32 - 1)
SMALL = {"shape": (160, 200), "cells": (3, 6), "nucleus_px": (28, 48)}


def field(seed, **look):
    return generate_field(np.random.default_rng(seed), **{**SMALL, **look})


@given(seed=seeds, height=st.integers(96, 200), width=st.integers(96, 200), outlines=st.sampled_from(OUTLINES))
@settings(max_examples=15)
def test_ground_truth_is_valid(seed, height, width, outlines):
    image, instances = field(seed, shape=(height, width), outlines=outlines)
    assert image.shape == (height, width, 4) and image.dtype == np.uint8
    assert 1 <= len(instances) <= 6 and set(instances.class_ids) <= {1, 2}
    assert instances.to_masks().sum(axis=-1).max() == 1  # no overlap
    for (y1, x1, y2, x2), mask in zip(instances.boxes, instances.masks):
        assert label(mask)[1] == 1
        assert mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()
        assert 0 <= y1 < y2 <= height and 0 <= x1 < x2 <= width


@pytest.mark.parametrize("protein", SPOTS)
def test_classes_differ_by_bright_spots_of_protein_in_the_nucleus(protein):
    with_spots, without = [], []
    for seed in range(6):
        image, instances = field(seed, protein=protein)
        smooth = gaussian_filter(image[..., 1].astype(float), 1)
        for (y1, x1, y2, x2), mask, class_id in zip(instances.boxes, instances.masks, instances.class_ids):
            values = smooth[y1:y2, x1:x2][mask]
            (with_spots if class_id == 1 else without).append(values.max() - np.median(values))
    assert len(with_spots) > 5 and len(without) > 5
    assert min(with_spots) > 18  # clearly visible
    assert np.median(with_spots) > 3 * np.median(without)


def test_the_fraction_of_nuclei_with_spots():
    counts = {share: [field(seed, nucleoli=share)[1].class_ids for seed in range(6)] for share in (0, 0.5, 1)}
    assert set(np.concatenate(counts[0])) == {2} and set(np.concatenate(counts[1])) == {1}
    assert 0.2 < np.mean(np.concatenate(counts[0.5]) == 1) < 0.8


def test_each_stain_is_where_it_belongs():
    image, nuclei = field(3, shape=(256, 256), cells=(6, 6))
    cells = field(3, shape=(256, 256), cells=(6, 6), outlines="cells")[1]
    assert len(cells) == len(nuclei) and (cells.class_ids == nuclei.class_ids).all()
    nucleus, cell = nuclei.foreground(), cells.foreground()
    assert (nucleus & ~cell).sum() == 0
    red, blue, yellow = (image[..., c].astype(float) for c in (0, 2, 3))
    outside, cytoplasm = ~binary_dilation(cell, iterations=4), cell & ~binary_dilation(nucleus, iterations=3)
    assert blue[nucleus].mean() > 50 > 5 > blue[cytoplasm].mean()
    for stain in (red, yellow):
        assert stain[cytoplasm].mean() > 1.5 * stain[nucleus].mean() and stain[outside].mean() < 2
    assert np.median(image[outside]) == 0


def test_touching_cells_share_a_border_and_stay_separate():
    def contacts(touching):
        count = 0
        for seed in range(6):
            cells = field(seed, touching=touching, outlines="cells", shape=(256, 256), cells=(5, 6))[1]
            masks = cells.to_masks()
            near = [binary_dilation(masks[..., i], iterations=1) for i in range(len(cells))]
            count += sum((near[i] & masks[..., j]).sum() > 6 for i in range(len(near)) for j in range(i))
        return count

    assert contacts(0.0) == 0
    assert contacts(1.0) >= 18


def test_16_bits_hold_the_same_field():
    coarse, instances = field(5)
    fine, same = field(5, bits=16)
    assert fine.dtype == np.uint16 and np.array_equal(instances.boxes, same.boxes)
    assert np.abs(fine / 65535 - coarse / 255).max() < 0.003 and fine.max() > 20000


def test_without_cells_the_image_is_dark():
    image, instances = field(1, cells=(0, 0))
    assert len(instances) == 0 and image.mean() < 2


def test_a_field_depends_only_on_seed_and_number():
    forwards, backwards = SyntheticCells(3, seed=7, **SMALL), SyntheticCells(9, seed=7, **SMALL)
    first = [(forwards.load_image(i), forwards.load_mask(i)) for i in range(3)]
    for i in reversed(range(3)):
        masks, class_ids = backwards.load_mask(i)
        np.testing.assert_array_equal(masks, first[i][1][0])
        np.testing.assert_array_equal(class_ids, first[i][1][1])
        np.testing.assert_array_equal(backwards.load_image(i), first[i][0])
    others = SyntheticCells(3, seed=8, **SMALL)
    assert not any(np.array_equal(others.load_image(i), image) for i, (image, _) in enumerate(first))
    assert len({image.tobytes() for image, _ in first}) == 3


@pytest.mark.parametrize("bits", [8, 16])
def test_the_data_set_keeps_the_contract(bits):
    dataset = SyntheticCells(3, seed=1, pixel_size_nm=300, bits=bits, **SMALL)
    four = SyntheticCells(3, seed=1, merged=False, bits=bits, **SMALL)
    assert dataset.class_names == ["BG", "Nucleoli", "Not Nucleoli"] and list(dataset.image_ids) == [0, 1, 2]
    assert dataset.image_shape(2) == (160, 200, 3) and four.image_shape(2) == (160, 200, 4)
    image, stains, instances = dataset.load_image(2), four.load_image(2).astype(int), dataset.load_instances(2)
    assert image.shape == (160, 200, 3) and image.dtype == (np.uint8 if bits == 8 else np.uint16)
    white = 2**bits - 1
    expected = np.minimum(stains[..., :3] + stains[..., 3:] // 2 * [1, 1, 0], white)
    assert np.abs(image.astype(int) - expected).max() <= 1  # halves may be rounded either way
    assert dataset.pixel_size_nm(2) == instances.pixel_size_nm == (300.0, 300.0)
    assert len({dataset.group(i) for i in dataset.image_ids}) == 3
    part = dataset.subset([2, 0])
    np.testing.assert_array_equal(part.load_image(0), image)
    assert part.image_reference(0) == dataset.image_reference(2)
    dataset.load_image(2)[:] = 0
    assert dataset.load_image(2).any()
    assert SyntheticCells(0).num_images == 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"shape": (32, 256)},
        {"shape": (256, 256, 3)},
        {"touching": 2},
        {"cells": (5, 2)},
        {"nucleoli": -0.1},
        {"nucleus_px": (8, 20)},
        {"nucleus_px": (30, 600)},
        {"protein": "golgi"},
        {"noise": (0.5, 0.1)},
        {"bits": 12},
        {"outlines": "spots"},
        {"pixel_size_nm": -1},
    ],
)
def test_an_invalid_parameter_is_rejected(parameters):
    with pytest.raises(ConfigError, match=next(iter(parameters)).split("_")[0]):
        generate_field(np.random.default_rng(0), **{**SMALL, **parameters})
    with pytest.raises(ConfigError):
        SyntheticCells(1, **parameters)
