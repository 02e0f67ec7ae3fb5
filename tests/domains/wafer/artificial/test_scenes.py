"""Artificial images: sections are apart, match their outlines, and look as on the wafer."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.artificial.cutouts import Cutouts
from mrcnn.domains.wafer.artificial.scenes import paste_scene, throw_scene
from mrcnn.domains.wafer.labels.outlines import MAGNET, TISSUE, Section, WaferLabels
from mrcnn.geometry.polygons import polygon_mask, polygons_to_instances

SHAPE = (120, 160)
GREYS = {"surface": 90, "tissue": 150, "magnet": 40, "dummy": 220}


def rectangle(y1, x1, y2, x2):
    return np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)], float)


TISSUE_PART, MAGNET_PART, DUMMY_PART = (
    rectangle(10, 60, 24, 110),
    rectangle(25, 60, 40, 110),
    rectangle(41, 60, 50, 110),
)
LABELS = WaferLabels(
    [
        Section(1, TISSUE_PART, MAGNET_PART, rectangle(8, 58, 52, 112)),
        Section(2, TISSUE_PART + (60, -40), MAGNET_PART + (60, -40)),
    ],
    None,
    SHAPE,
    None,
)


def cutouts_of(angles=(0.0,), surface=GREYS["surface"]):
    grey, box = np.full(SHAPE, surface, np.uint8), (0, 0, *SHAPE)
    fluo = np.full(SHAPE, 5, np.uint8)
    for offset in ((0, 0), (60, -40)):
        grey[polygon_mask(TISSUE_PART + offset, box)] = GREYS["tissue"]
        grey[polygon_mask(MAGNET_PART + offset, box)] = GREYS["magnet"]
        fluo[polygon_mask(MAGNET_PART + offset, box)] = 200
    grey[polygon_mask(DUMMY_PART, box)] = GREYS["dummy"]
    return Cutouts(ChannelStack.from_arrays({"grey": grey, "fluo": fluo}), LABELS, angles)


def background(size=(40, 50), grey=GREYS["surface"]):
    return np.stack([np.full(size, grey, np.uint8), np.full(size, 5, np.uint8)], axis=-1)


def check_scene(scene, shape):
    """Check that the image matches the labels and envelopes are apart; returns the number of sections."""
    assert scene.image.shape == (*shape, 2) and scene.labels.image_shape == tuple(shape)
    sections = scene.labels.sections
    envelopes = polygons_to_instances([s.envelope for s in sections], np.ones(len(sections)), shape)
    assert sum(envelopes.to_masks()[..., i].astype(int) for i in range(len(envelopes))).max() == 1
    found = scene.labels.instances()
    assert len(found) and set(found.class_ids) <= {TISSUE, MAGNET}
    for (y1, x1, y2, x2), mask, class_id in zip(found.boxes, found.masks, found.class_ids):
        grey, fluo = np.moveaxis(scene.image[y1:y2, x1:x2], -1, 0)
        inside = binary_erosion(mask, np.ones((3, 3)), iterations=2)
        wanted = GREYS["tissue" if class_id == TISSUE else "magnet"]
        assert (np.abs(grey[inside].astype(int) - wanted) < 15).all()
        assert ((fluo[inside] > 150) == (class_id == MAGNET)).all()
    return len(sections)


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(90, 260), width=st.integers(90, 260))
@settings(max_examples=25)
def test_thrown_sections_are_apart_and_match_their_outlines(seed, height, width):
    cutouts = cutouts_of(np.linspace(0, 360, 30)[:-1])
    scene = throw_scene(np.random.default_rng(seed), cutouts, background(), (height, width), 300)
    assert check_scene(scene, (height, width)) <= height * width * 1.96 / 1500


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(70, 260), width=st.integers(70, 260))
@settings(max_examples=25)
def test_pasted_sections_are_apart_and_match_their_outlines(seed, height, width):
    scene = paste_scene(np.random.default_rng(seed), cutouts_of(), background(), (height, width), 30, 500)
    assert check_scene(scene, (height, width)) >= 1
    turns = [s.tissue.mean(axis=0) - s.magnet.mean(axis=0) for s in scene.labels.sections]
    np.testing.assert_allclose(turns, np.tile((-15.5, 0), (len(turns), 1)), atol=1e-6)


def test_a_dummy_is_pasted_too_and_is_not_an_object():
    scene = paste_scene(np.random.default_rng(0), cutouts_of(), background(), (300, 300), 20, 1000)
    dummy = scene.image[..., 0] > 190
    assert dummy.sum() > 400 and not (scene.labels.instances().foreground() & dummy).any()


def test_sections_are_cut_by_all_borders_of_a_thrown_patch():
    cutouts, borders = cutouts_of(np.linspace(0, 360, 30)[:-1]), np.zeros(4, int)
    for seed in range(12):
        scene = throw_scene(np.random.default_rng(seed), cutouts, background(), (150, 200), 400)
        borders += (scene.labels.instances().boxes == (0, 0, 150, 200)).sum(axis=0)
    assert borders.min() >= 3


def test_a_crowded_image_has_no_place_left():
    crowded = paste_scene(np.random.default_rng(1), cutouts_of(), background(), (200, 200), 150, 3000)
    sparse = paste_scene(np.random.default_rng(1), cutouts_of(), background(), (200, 200), 3, 3000)
    assert len(sparse.labels) == 3 < len(crowded.labels) < 150


def test_sections_are_adjusted_to_the_brightness_of_the_background():
    brighter = cutouts_of(surface=GREYS["surface"] + 20)
    scene = paste_scene(np.random.default_rng(0), brighter, background(), (200, 200), 4)
    for section in scene.labels.sections:
        seen = scene.image[..., 0][polygon_mask(section.tissue, (0, 0, 200, 200))]
        np.testing.assert_array_equal(seen, GREYS["tissue"] - 20)
    # A difference this large is not due to illumination: something else lay next to the section.
    scene = paste_scene(np.random.default_rng(0), cutouts_of(), background(grey=250), (200, 200), 1)
    seen = scene.image[..., 0][polygon_mask(scene.labels.sections[0].tissue, (0, 0, 200, 200))]
    np.testing.assert_array_equal(seen, GREYS["tissue"])


def test_the_same_rng_gives_the_same_image():
    scenes = [
        throw_scene(np.random.default_rng(seed), cutouts_of((0, 45)), background(), (150, 150), 200)
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(scenes[0].image, scenes[1].image)
    assert (scenes[0].image != scenes[2].image).any()
