"""Sections cut out and rotated: outlines follow the pixels, and only the neighbourhood of a section is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.artificial.cutouts import Cutouts, stored_channels
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.errors import DataError
from mrcnn.geometry.polygons import polygon_mask

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
    cutouts.pixels_of(0, 0), cutouts.surface_of(0)
    assert 1 <= len(read) <= 2 and max(read) < 240**2


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


def test_the_surface_is_measured_next_to_the_section_and_not_on_a_neighbour():
    grey = np.full(SHAPE, 100, np.uint8)
    other = Section(2, TISSUE + (-10, 55), MAGNET + (-10, 55))
    for polygon in (TISSUE, MAGNET, other.tissue, other.magnet):
        grey[polygon_mask(polygon, (0, 0, *SHAPE))] = 30
    stack = ChannelStack.from_arrays({"grey": grey})
    assert Cutouts(stack, WaferLabels([*LABELS.sections, other], None, SHAPE, None)).surface_of(0) == [100]
    everywhere = Section(
        1, np.array([(0, 0), (0, 189.0), (60, 189), (60, 0)]), np.array([(61, 0), (61, 189.0), (129, 189), (129, 0)])
    )
    assert Cutouts(stack, WaferLabels([everywhere], None, SHAPE, None)).surface_of(0) is None


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
