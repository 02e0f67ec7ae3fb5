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


def noisy(shape, rng):
    return rng.integers(0, 256, (*shape, 1), np.uint8)


@given(seed=st.integers(0, 2**32 - 1), grey=st.integers(0, 255), angle=st.sampled_from((0.0, 90.0, 180.0)))
@settings(max_examples=15)
def test_labelled_pixels_are_those_that_were_cut_out(seed, grey, angle):
    """Whatever lies around the section on the wafer, and whatever it is pasted on; these angles interpolate nothing."""
    rng = np.random.default_rng(seed)
    image = noisy(SHAPE, rng)[..., 0]
    labels = WaferLabels([Section(1, TISSUE_PART, MAGNET_PART)], None, SHAPE, None)
    cutouts = Cutouts(ChannelStack.from_arrays({"grey": image}), labels, [angle])
    scene = throw_scene(rng, cutouts, np.full((40, 50, 1), grey, np.uint8), (150, 150), 200)
    compared = 0
    for section in scene.labels.sections:
        for polygon, own in ((section.tissue, TISSUE_PART), (section.magnet, MAGNET_PART)):
            there, cut = (m[m.any(1)][:, m.any(0)] for m in (_mask(polygon, (150, 150)), _mask(own, SHAPE)))
            if there.size != cut.size:
                continue  # cut off by the border of the image
            seen = _crop(scene.image[..., 0], _mask(polygon, (150, 150)))
            wanted = np.rot90(_crop(image, _mask(own, SHAPE)), round(angle / 90))
            # Without the pixels on the outline itself, which rounding moves in or out.
            np.testing.assert_array_equal(seen[1:-1, 1:-1], wanted[1:-1, 1:-1])
            compared += 1
    assert compared


def _mask(polygon, shape):
    return polygon_mask(np.round(polygon, 6), (0, 0, *shape))


def _crop(image, mask):
    return image[mask.any(1)][:, mask.any(0)]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_unlabelled_neighbours_do_not_change_a_section(seed):
    """Sections of 110 on a flat ground of 60 stay at 110, whether or not those next to them are labelled."""
    rng = np.random.default_rng(seed)
    grey, box = np.full(SHAPE, 60, np.uint8), (0, 0, *SHAPE)
    for offset in ((0, 0), (36, 0), (-36, 0), (0, 54), (0, -54), (36, 54), (-36, 54)):
        for part in (TISSUE_PART, MAGNET_PART):
            grey[polygon_mask(part + offset, box)] = 110
    labels = WaferLabels([Section(1, TISSUE_PART, MAGNET_PART)], None, SHAPE, None)
    cutouts = Cutouts(ChannelStack.from_arrays({"grey": grey}), labels, [0.0, 30.0])
    scene = throw_scene(rng, cutouts, np.full((40, 50, 1), 60, np.uint8), (200, 200), 300)
    found = scene.labels.instances()
    for (y1, x1, y2, x2), mask in zip(found.boxes, found.masks):
        inside = binary_erosion(mask, np.ones((3, 3)), iterations=2)
        assert np.abs(scene.image[y1:y2, x1:x2, 0][inside].astype(int) - 110).max(initial=0) <= 2


def test_the_surface_around_a_section_leaves_no_seam():
    scene = paste_scene(np.random.default_rng(0), cutouts_of(surface=130), background(), (200, 200), 1)
    section = scene.labels.sections[0]
    parts = _mask(section.tissue, (200, 200)) | _mask(section.magnet, (200, 200))
    grey = scene.image[..., 0].astype(int)
    step = np.abs(np.diff(grey, axis=1))[~(parts[:, 1:] | parts[:, :-1])]
    assert 0 < step[step < 60].max() <= 12  # of 40 levels between the two surfaces; the dummy part is darker


def test_the_same_rng_gives_the_same_image():
    scenes = [
        throw_scene(np.random.default_rng(seed), cutouts_of((0, 45)), background(), (150, 150), 200)
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(scenes[0].image, scenes[1].image)
    assert (scenes[0].image != scenes[2].image).any()
