"""Synthetic wafers: the ground truth matches the images, nothing overlaps, and the parts can be distinguished."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.domains.wafer.labels.outlines import MAGNET, TISSUE, Section, WaferLabels
from mrcnn.domains.wafer.labels.read import read_labelme
from mrcnn.domains.wafer.synthetic.wafer import STYLES, few_sections, synthetic_wafer, write_synthetic_wafer
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.polygons import oriented_box, polygon_box, polygon_mask

SMALL = replace(STYLES["silicon"], length=60.0, tissue_depth=26.0, magnet_depth=28.0)


@pytest.fixture(scope="module", params=list(STYLES))
def wafer(request):
    """(images, labels, style) of each style, with a few sections."""
    style = STYLES[request.param]
    side, count = (500, 6) if style.length < 200 else (900, 4)
    return *synthetic_wafer((side, side + 100), count, seed=5, style=request.param), style


def means(image, labels, part):
    """Mean grey value of this part of each section."""
    found = []
    for section in labels.sections:
        box = polygon_box(getattr(section, part))
        found.append(image[box[0] : box[2], box[1] : box[3]][polygon_mask(getattr(section, part), box)].mean())
    return np.array(found)


def test_images_and_labels_have_the_requested_size_and_number(wafer):
    images, labels, style = wafer
    shape = images["grey"].shape
    assert {k: (v.dtype, v.shape) for k, v in images.items()} == dict.fromkeys(("grey", "fluo"), (np.uint8, shape))
    assert labels.image_shape == shape and [s.number for s in labels.sections] == [1, 2, 3, 4, 5, 6][: len(labels)]
    assert len(labels) >= 4
    for section in labels.sections:
        (_, (long, short), _) = oriented_box(section.tissue)
        assert abs(long / style.length - 1) < 0.15 and abs(short / style.tissue_depth - 1) < 0.25


def test_the_magnet_is_bright_in_fluorescence_and_the_tissue_is_not(wafer):
    images, labels, style = wafer
    magnet, tissue = means(images["fluo"], labels, "magnet"), means(images["fluo"], labels, "tissue")
    assert magnet.min() > 1.6 * tissue.max() and (magnet > 2 * tissue).all()
    assert (
        np.sign(means(images["grey"], labels, "magnet") - means(images["grey"], labels, "tissue"))
        == np.sign(style.magnet - style.tissue)
    ).all()


def test_both_parts_stand_out_from_the_surface(wafer):
    images, labels, style = wafer
    y1, x1, y2, x2 = polygon_box(labels.background)
    surface, noise = images["grey"][y1:y2, x1:x2].mean(), images["grey"][y1:y2, x1:x2].std()
    for part in ("tissue", "magnet"):
        assert np.abs(means(images["grey"], labels, part) - surface).min() > 1.5 * noise


def test_outlines_are_exact():
    """The magnet's outline is where the fluorescence reaches half of its maximum."""
    plain = replace(SMALL, dust=0, fibres=0, dummy=0, unevenness=0, fluo_tissue=5.0, density=0.08, touching=0)
    images, labels = synthetic_wafer((500, 500), 6, seed=2, style=plain)
    shifts = []
    for section in labels.sections:
        y1, x1, y2, x2 = polygon_box(section.magnet) + np.array([-3, -3, 3, 3])
        truth, seen = polygon_mask(section.magnet, (y1, x1, y2, x2)), images["fluo"][y1:y2, x1:x2]
        bright = seen > (plain.fluo_background + np.median(seen[truth])) / 2
        assert (truth & bright).sum() / (truth | bright).sum() > 0.93
        shifts.append(np.argwhere(truth).mean(axis=0) - np.argwhere(bright).mean(axis=0))
    # An axis-aligned side may fall on either row of pixels, which moves the centre by half a pixel.
    assert np.abs(shifts).max() < 0.7 and np.median(np.abs(shifts)) < 0.2


def test_a_dummy_looks_like_the_magnet_in_grey_and_is_dark_in_fluorescence():
    for seed in (0, 1):
        images, labels = synthetic_wafer((500, 500), 5, seed=seed, style=replace(SMALL, dummy=1.0, dust=0, variation=0))
        for section in labels.sections:
            parts = shapely.union(shapely.polygons(section.tissue), shapely.polygons(section.magnet))
            rest = shapely.difference(shapely.polygons(section.envelope), parts.buffer(2)).buffer(-3)
            dummy = shapely.get_coordinates(max(shapely.get_parts(rest), key=shapely.area).exterior)
            of = {
                name: dict(
                    zip(
                        ("dummy", "magnet", "tissue"),
                        (
                            np.median(image[polygon_mask(p, (0, 0, 500, 500))])
                            for p in (dummy, section.magnet, section.tissue)
                        ),
                    )
                )
                for name, image in images.items()
            }
            assert abs(of["grey"]["dummy"] - of["grey"]["magnet"]) < 8 < of["grey"]["tissue"] - of["grey"]["magnet"]
            assert of["fluo"]["dummy"] < 0.4 * of["fluo"]["magnet"]


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12), height=st.integers(420, 520))
@settings(max_examples=8)
def test_sections_never_overlap_and_lie_inside_the_image(seed, count, height):
    _, labels = synthetic_wafer((height, 450), count, seed=seed, style=SMALL)
    hulls = [shapely.MultiPoint(np.concatenate([s.tissue, s.magnet])).convex_hull for s in labels.sections]
    assert len(hulls) == count
    for i, hull in enumerate(hulls):
        assert all(hull.distance(other) >= 1.4 for other in hulls[:i])
        assert shapely.box(0, 0, height - 1, 449).contains(hull)
        assert shapely.polygons(labels.sections[i].envelope).buffer(1e-6).contains(hull)
    masks = labels.instances()
    assert sorted(masks.class_ids.tolist()) == [TISSUE] * count + [MAGNET] * count
    drawn = sum(masks.to_masks()[..., i].astype(int) for i in range(len(masks)))
    assert (drawn > 1).sum() < 2 * count  # pixels on the line where the two parts of one section meet


def test_some_sections_nearly_touch_and_all_angles_occur():
    _, labels = synthetic_wafer((1000, 1000), 50, seed=4, style=replace(SMALL, touching=0.5))
    hulls = np.array([shapely.MultiPoint(np.concatenate([s.tissue, s.magnet])).convex_hull for s in labels.sections])
    nearest = [min(h.distance(o) for o in hulls if o is not h) for h in hulls]
    assert 15 < sum(d < 5 for d in nearest) < 50
    directions = np.array([s.tissue.mean(axis=0) - s.magnet.mean(axis=0) for s in labels.sections])
    quarters = np.histogram(np.arctan2(*directions.T), 4, (-np.pi, np.pi))[0]
    assert quarters.min() >= 4


def test_the_background_is_a_large_rectangle_without_sections():
    _, labels = synthetic_wafer((900, 900), 25, seed=3, style=SMALL)
    y1, x1, y2, x2 = polygon_box(labels.background, labels.image_shape)
    assert min(y2 - y1, x2 - x1) > 100
    assert len(labels.instances((y1, x1, y2, x2))) == 0


def test_the_same_seed_gives_the_same_wafer_and_another_seed_another():
    (one, first), (two, second), (three, _) = (synthetic_wafer((300, 320), 4, seed, SMALL) for seed in (7, 7, 8))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
        assert (one[name] != three[name]).mean() > 0.5
    for a, b in zip(first.sections, second.sections):
        np.testing.assert_array_equal(a.envelope, b.envelope)


def test_given_labels_keep_their_positions():
    square = np.array([(0.0, 0.0), (0.0, 60.0), (30.0, 60.0), (30.0, 0.0)])
    given_labels = WaferLabels(
        [
            Section(12, square + (100, 80), square + (131, 80)),
            Section(40, square + (40, 200)),
            Section(41, None, square + (200, 230)),
        ],
        None,
        (300, 360),
        None,
    )
    images, labels = synthetic_wafer(seed=1, labels=given_labels)
    assert images["grey"].shape == (300, 360) and [s.number for s in labels.sections] == [12, 40, 41]
    np.testing.assert_array_equal(labels.sections[0].tissue, given_labels.sections[0].tissue)
    assert labels.sections[1].magnet is None and labels.sections[2].tissue is None
    assert means(images["fluo"], labels.select([0, 2]), "magnet").min() > 40
    assert means(images["fluo"], labels.select([0, 1]), "tissue").max() < 25
    assert given_labels.sections[0].envelope is None  # the given labels are not modified


def test_the_geometry_of_a_real_wafer(real_data):
    """A part of the wafer in which sections touch and overlap."""
    labels = read_labelme(real_data / "wafer_labels" / "silicon_wafer_1" / "labels.json", (5616, 6136))
    inside = [
        i
        for i, s in enumerate(labels.sections)
        if (
            (np.concatenate([s.tissue, s.magnet]) - (4000, 3400)).clip(0, 799)
            == np.concatenate([s.tissue, s.magnet]) - (4000, 3400)
        ).all()
    ]
    part = labels.select(inside).moved(-4000, -3400, (800, 800))
    assert len(part.sections) == 26
    images, drawn = synthetic_wafer(seed=0, labels=part)
    magnet, tissue = means(images["fluo"], drawn, "magnet"), means(images["fluo"], drawn, "tissue")
    assert (magnet > 1.5 * tissue).all()


def test_few_sections_are_isolated_ones_with_the_background():
    _, labels = synthetic_wafer((900, 900), 25, seed=3, style=replace(SMALL, touching=0.6))
    few = few_sections(labels, 4, seed=1)
    assert [s.number for s in few.sections] == [1, 2, 3, 4] and few.background is labels.background
    envelopes = [shapely.polygons(s.envelope) for s in labels.sections]
    for section in few.sections:
        own = shapely.polygons(section.envelope)
        assert sum(own.distance(e) < 8 for e in envelopes) == 1
    assert len(few_sections(labels, 25).sections) == 25
    with pytest.raises(ConfigError, match="26 of 25 sections"):
        few_sections(labels, 26)


def test_files_are_written_and_read_back(tmp_path):
    paths = write_synthetic_wafer(tmp_path / "new", (300, 340), 5, seed=1, style=SMALL, few=2, name="w")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "w_few.json",
        "w_fluo.tif",
        "w_grey.tif",
        "w_labels.json",
    ]
    images, truth = synthetic_wafer((300, 340), 5, seed=1, style=SMALL)
    for name in images:
        np.testing.assert_array_equal(tifffile.memmap(paths[name], mode="r"), images[name])
    labels, few = read_labelme(paths["labels"]), read_labelme(paths["few"])
    assert len(few.sections) == 2 and few.background is not None and few.image_shape == (300, 340)
    for a, b in zip(labels.sections, truth.sections):
        np.testing.assert_allclose(a.tissue, b.tissue, atol=1e-6)
    assert labels.image_path.resolve() == paths["grey"].resolve()


def test_few_sections_exclude_those_with_one_part(tmp_path):
    square = np.array([(0.0, 0.0), (0.0, 60.0), (30.0, 60.0), (30.0, 0.0)])
    labels = WaferLabels(
        [Section(1, square + 20, None), Section(2, square + (80, 20), square + (111, 20))], None, (200, 200), None
    )
    paths = write_synthetic_wafer(tmp_path, labels=labels, few=5)
    np.testing.assert_allclose(read_labelme(paths["few"]).sections[0].tissue, square + (80, 20))
    alone = write_synthetic_wafer(tmp_path / "alone", labels=labels.select([0]))
    assert "few" not in alone and len(read_labelme(alone["labels"])) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (300, 300), "sections": 60, "style": SMALL}, "of 60 sections fit"),
        ({"shape": (30, 300), "sections": 1}, "at least 64 pixels"),
        ({"shape": (300, 300)}, "number of sections"),
        ({"shape": (300, 300), "sections": 1, "style": "gold"}, "Unknown wafer style 'gold'.*silicon"),
        ({"shape": (300, 300), "sections": 1, "style": replace(SMALL, noise=-1.0)}, "noise"),
        ({"shape": (300, 300), "sections": 1, "style": replace(SMALL, density=0.9)}, "density"),
        ({"shape": (300, 300), "sections": 1, "labels": WaferLabels([], None, (300, 300), None)}, "not both"),
    ],
)
def test_invalid_arguments_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        synthetic_wafer(**arguments)


def test_labels_outside_the_image_are_rejected():
    square = np.array([(0.0, 0.0), (0.0, 60.0), (30.0, 60.0), (30.0, 0.0)])
    with pytest.raises(DataError, match="section 3 extends beyond the image"):
        synthetic_wafer((200, 200), labels=WaferLabels([Section(3, square + (180, 10), None)], None, (200, 200), None))
