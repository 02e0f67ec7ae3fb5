"""Sections cut out and rotated: outlines follow the pixels, and only the neighbourhood of a section is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.artificial.cutouts import Cutouts, stored_channels
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.errors import DataError
from mrcnn.geometry.polygons import polygon_mask, transform

TISSUE = np.array([(42.0, 61.5), (60.0, 120.0), (84.2, 110.0), (70.0, 54.0)])
MAGNET = np.array([(20.0, 66.0), (34.5, 130.0), (59.0, 121.0), (41.5, 62.0)])
ENVELOPE = np.array([(15.0, 62.0), (32.0, 136.0), (90.0, 115.0), (72.0, 40.0)])
SHAPE = (130, 190)
LABELS = WaferLabels([Section(9, TISSUE, MAGNET, ENVELOPE)], None, SHAPE, None)


def wafer(labels=LABELS):
    """A wafer with the tissue in the grey channel and the magnet in the fluorescence channel."""
    section = labels.sections[0]
    return ChannelStack.from_arrays({"grey": covered(section.tissue), "fluo": covered(section.magnet)})


def covered(polygon):
    """Coverage of each pixel by a polygon, 0 to 255, from 8 x 8 points per pixel."""
    fine = polygon_mask(polygon * 8 + 3.5, (0, 0, SHAPE[0] * 8, SHAPE[1] * 8))
    return np.rint(255 * fine.reshape(SHAPE[0], 8, SHAPE[1], 8).mean(axis=(1, 3))).astype(np.uint8)


@given(st.floats(0, 360))
@settings(max_examples=40)
def test_rotated_outlines_follow_the_rotated_pixels(angle):
    cutouts = Cutouts(wafer(), LABELS, [angle])
    cutout, pixels = cutouts.shape_of(0, 0), cutouts.pixels_of(0, 0)
    box = (0, 0, *cutout.mask.shape)
    assert pixels.shape == (*cutout.mask.shape, 2) and pixels.dtype == np.uint8
    for channel, polygon in enumerate((cutout.section.tissue, cutout.section.magnet)):
        drawn, outlined = pixels[..., channel] > 127, polygon_mask(polygon, box)
        assert (drawn & outlined).sum() / (drawn | outlined).sum() > 0.97
        np.testing.assert_allclose(np.argwhere(drawn).mean(axis=0), np.argwhere(outlined).mean(axis=0), atol=0.25)
        assert not (outlined & ~cutout.mask).any()
    np.testing.assert_allclose(np.count_nonzero(cutout.mask), polygon_mask(ENVELOPE, (0, 0, *SHAPE)).sum(), rtol=0.03)
    assert not cutout.mask[[0, -1]].any() and not cutout.mask[:, [0, -1]].any()
    rows, columns = cutout.frame.probes.T
    assert len(rows) > 10 and cutout.mask[rows, columns].all()


def test_without_rotation_pixels_and_outlines_only_move():
    stack = ChannelStack.from_arrays({"grey": np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)})
    cutouts = Cutouts(stack, LABELS)
    cutout = cutouts.shape_of(0, 0)
    y, x = np.rint(TISSUE[0] - cutout.section.tissue[0]).astype(int)
    np.testing.assert_allclose(cutout.section.magnet + (y, x), MAGNET, atol=1e-9)
    height, width = cutout.mask.shape
    there = stack.read(y, x, y + height, x + width)
    np.testing.assert_array_equal(cutouts.pixels_of(0, 0)[cutout.mask], there[cutout.mask])


def test_a_quarter_turn_is_counter_clockwise_on_the_screen():
    cutouts = Cutouts(wafer(), LABELS, [0, 90])
    plain, turned = (cutouts.shape_of(0, turn).section for turn in (0, 1))
    before, after = (s.tissue.mean(axis=0) - s.magnet.mean(axis=0) for s in (plain, turned))
    # (right, up) = (x, -y) becomes (-up, right).
    np.testing.assert_allclose((after[1], -after[0]), (before[0], before[1]), atol=1e-9)


def test_only_the_neighbourhood_of_a_section_is_read():
    class Watched(ChannelStack):
        def read(self, y1, x1, y2, x2):
            read.append((y2 - y1) * (x2 - x1))
            return super().read(y1, x1, y2, x2)

    read = []
    image = np.zeros((1500, 1500), np.uint8)
    stack = Watched.from_arrays({"grey": image, "fluo": image})
    cutouts = Cutouts(stack, LABELS.moved(700, 600, (1500, 1500)), [33.0])
    cutouts.pixels_of(0, 0)
    assert len(read) == 1 and max(read) < 240**2


def test_a_section_at_the_corner_of_the_wafer_can_be_rotated():
    labels = LABELS.moved(-15, -40, SHAPE)
    cutouts = Cutouts(wafer(labels), labels, np.arange(0, 360, 37))
    for turn in range(len(cutouts.angles_deg)):
        drawn = cutouts.pixels_of(0, turn)[..., 0] > 127
        cutout = cutouts.shape_of(0, turn)
        outlined = polygon_mask(cutout.section.tissue, (0, 0, *cutout.mask.shape))
        drawn &= cutout.mask
        assert (drawn & outlined).sum() / (drawn | outlined).sum() > 0.97


def test_a_missing_envelope_is_the_hull_and_parts_beyond_an_envelope_belong_to_it():
    alone = Cutouts(wafer(), WaferLabels([Section(1, TISSUE, MAGNET)], None, SHAPE, None))
    inside = Cutouts(wafer(), WaferLabels([Section(1, TISSUE, MAGNET, TISSUE)], None, SHAPE, None))
    for cutouts in (alone, inside):
        cutout = cutouts.shape_of(0, 0)
        box = (0, 0, *cutout.mask.shape)
        for polygon in (cutout.section.tissue, cutout.section.magnet):
            assert cutout.mask[polygon_mask(polygon, box)].all()
    assert np.count_nonzero(alone.shape_of(0, 0).mask) > np.count_nonzero(inside.shape_of(0, 0).mask)


@given(st.floats(0, 360))
@settings(max_examples=20)
def test_parts_are_pasted_whole_and_the_surface_around_them_fades_out(angle):
    cutout = Cutouts(wafer(), LABELS, [angle]).shape_of(0, 0)
    opacity = np.zeros(cutout.mask.shape, np.float32)
    opacity[cutout.mask] = cutout.opacity
    box = (0, 0, *cutout.mask.shape)
    parts = polygon_mask(cutout.section.tissue, box) | polygon_mask(cutout.section.magnet, box)
    assert (opacity[parts] == 1).all() and (cutout.opacity > 0).all()
    rim = cutout.mask & ~parts & ~binary_erosion(cutout.mask)
    assert rim.sum() > 50 and opacity[rim].max() < 0.2


def test_what_an_envelope_holds_of_another_section_is_not_pasted():
    other = Section(2, TISSUE + (-10, 55), MAGNET + (-10, 55))
    wide = Section(1, TISSUE, MAGNET, np.array([(5.0, 35.0), (5.0, 185.0), (95.0, 185.0), (95.0, 35.0)]))
    stack = ChannelStack.from_arrays({"grey": np.zeros(SHAPE, np.uint8)})
    both, one = WaferLabels([wide, other], None, SHAPE, None), WaferLabels([wide], None, SHAPE, None)
    for cutouts in (Cutouts(stack, both, [0, 20]), Cutouts(stack, one, [0, 20], both)):
        for turn in (0, 1):
            cutout = cutouts.shape_of(0, turn)
            opacity = np.ones(cutout.mask.shape)
            opacity[cutout.mask] = cutout.opacity
            box = (0, 0, *cutout.mask.shape)
            own = polygon_mask(cutout.section.tissue, box) | polygon_mask(cutout.section.magnet, box)
            for polygon in (other.tissue, other.magnet):
                there = polygon_mask(transform(polygon, cutout.frame.matrix), box) & cutout.mask & ~own
                assert there.sum() > 100 and not opacity[there].any()
    assert (Cutouts(stack, one).shape_of(0, 0).opacity > 0).all()
    # Another label of the same section is not another section.
    twice = WaferLabels([wide, Section(2, TISSUE + 2, MAGNET + 2)], None, SHAPE, None)
    assert (Cutouts(stack, twice).shape_of(0, 0).opacity > 0).all()


def test_computed_channels_are_not_stored():
    image = np.zeros((50, 60), np.uint8)
    stack = ChannelStack.from_arrays({"grey": image, "fluo": image}, ("edges", "grey", "zeros", "fluo", "grey"))
    assert stored_channels(stack).names == ("grey", "fluo")
    assert stored_channels(ChannelStack.from_arrays({"grey": image}, ("edges",))).names == ("grey",)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (Section(3, TISSUE, None), "no section with both"),
        (Section(3, TISSUE + (60, 0), MAGNET), "section 3 extends beyond the image of 130 x 190"),
        (Section(3, TISSUE, MAGNET, ENVELOPE + 500), "envelope of section 3 lies outside"),
    ],
)
def test_sections_that_cannot_be_cut_out_are_rejected(section, message):
    with pytest.raises(DataError, match=message):
        Cutouts(wafer(), WaferLabels([section], None, SHAPE, None))
