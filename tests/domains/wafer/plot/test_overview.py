"""The overlay of a whole wafer: size, colours, markings, and reading in strips."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread
from matplotlib.quiver import Quiver

from mrcnn.domains.wafer.plot.overview import PART_COLORS, draw_wafer, reduced
from mrcnn.domains.wafer.sections.sections import pair_sections
from mrcnn.errors import ConfigError
from mrcnn.geometry.polygons import polygons_to_instances


class Windows:
    """A wafer that can only be read by window."""

    def __init__(self, array):
        self.array, self.shape, self.largest = array, array.shape, 0

    def read(self, y1, x1, y2, x2):
        self.largest = max(self.largest, (y2 - y1) * (x2 - x1))
        return self.array[y1:y2, x1:x2]


def rectangle(y, x, height, width):
    return np.array([(y, x), (y, x + width), (y + height, x + width), (y + height, x)], float)


@pytest.fixture
def sections():
    """One section whose tissue is to the right of its magnetic part, and a tissue part without a partner."""
    polygons = [rectangle(100, 130, 80, 36), rectangle(100, 90, 80, 36), rectangle(300, 300, 80, 36)]
    instances = polygons_to_instances(polygons, [1, 2, 1], (400, 500))
    return instances, pair_sections(instances)


@pytest.mark.parametrize(("shape", "most"), [((400, 500), 3000), ((400, 500), 250), ((700, 300), 333), ((40, 30), 300)])
def test_reduced_images_are_means(shape, most):
    wafer = np.random.default_rng(0).integers(0, 255, (*shape, 2)).astype(np.uint8)
    picture, factor = reduced(Windows(wafer), most, channel=1)
    assert max(picture.shape) == min(max(shape), most) and picture.dtype == np.uint8
    assert np.array_equal(picture, reduced(wafer, most, channel=1)[0])
    if factor == 1:
        assert np.array_equal(picture, wafer[..., 1])
    y, x = picture.shape[0] // 2, picture.shape[1] // 3
    square = wafer[int(y * factor) : int((y + 1) * factor), int(x * factor) : int((x + 1) * factor), 1]
    assert abs(picture[y, x] - square.mean()) <= 0.5


def test_16_bit_images_are_stretched():
    picture, _ = reduced(np.linspace(1000, 3000, 10_000).reshape(100, 100).astype(np.uint16), 100)
    assert picture.min() == 0 and picture.max() == 255


def test_a_wafer_is_read_in_strips(sections):
    wafer = Windows(np.zeros((8000, 300, 1), np.uint8))
    reduced(wafer, 800)
    assert wafer.largest < 0.5 * 8000 * 300


def test_the_image_file_does_not_exceed_the_requested_size(sections, tmp_path):
    instances, found = sections
    draw_wafer(np.full((400, 500), 128, np.uint8), instances, found, tmp_path / "wafer.png", max_side=300)
    height, width = imread(tmp_path / "wafer.png").shape[:2]
    assert max(height, width) <= 300 and width > 250


@pytest.mark.parametrize("shape", [(400, 500), (401, 500), (777, 1200), (255, 1001), (513, 729)])
def test_the_image_under_the_sections_is_the_wafer(sections, shape, tmp_path):
    wafer = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    draw_wafer(wafer, sections[0].select(np.zeros(len(sections[0]), bool)), [], tmp_path / "wafer.png")
    drawn = np.rint(255 * imread(tmp_path / "wafer.png")[-shape[0] :, :, 0])
    assert np.array_equal(drawn, wafer)


def test_every_part_has_its_colour_and_unpaired_parts_are_filled(sections):
    instances, found = sections
    ax = draw_wafer(np.full((400, 500), 128, np.uint8), instances, found).axes[0]
    lines = next(c for c in ax.collections if type(c) is LineCollection)
    names = [to_hex(c) for c in lines.get_colors()]
    assert sorted(names) == sorted(PART_COLORS[n].lower() for n in ("tissue", "tissue", "magnet"))
    alone = next(c for c in ax.collections if type(c) is PolyCollection)
    assert np.allclose(alone.get_facecolor()[0][:3], to_rgb(PART_COLORS["alone"]))
    corners = alone.get_paths()[0].vertices
    assert len(alone.get_paths()) == 1 and corners[:, 0].min() > 290


def test_arrows_point_from_magnet_to_tissue_and_numbers_are_on_magnets(sections):
    instances, found = sections
    ax = draw_wafer(np.full((400, 500), 128, np.uint8), instances, found).axes[0]
    arrow = next(c for c in ax.collections if isinstance(c, Quiver))
    assert len(arrow.U) == 1 and arrow.U[0] > 0 and arrow.V[0] == pytest.approx(0, abs=1e-6)
    texts = {t.get_text(): t.get_position() for t in ax.texts}
    assert set(texts) == {"1", "2?"}
    assert texts["1"] == pytest.approx((108, 140), abs=1) and texts["2?"][0] > 290


def test_outlines_stay_on_their_objects_when_reduced(sections):
    instances, found = sections
    ax = draw_wafer(np.full((400, 500), 128, np.uint8), instances, found, max_side=286).axes[0]
    lines = next(c for c in ax.collections if type(c) is LineCollection)
    corners = np.concatenate([p.vertices for p in lines.get_paths()])
    factor = 500 / 250
    assert (corners.max(axis=0) + 0.5) * factor == pytest.approx((337, 381), abs=1)


def test_a_wafer_without_sections(tmp_path):
    instances = polygons_to_instances([], [], (100, 120))
    figure = draw_wafer(np.zeros((100, 120), np.uint8), instances, [], tmp_path / "nothing.png", title="empty")
    assert (tmp_path / "nothing.png").stat().st_size > 0
    assert figure.texts[0].get_text() == "empty: 0 sections with both parts"


def test_a_window_shows_its_sections_in_place(sections):
    wafer = np.random.default_rng(2).integers(0, 255, (400, 500, 2)).astype(np.uint8)
    whole = draw_wafer(wafer, *sections, channel=1).axes[0]
    figure = draw_wafer(Windows(wafer), *sections, channel=1, window=(60, 70, 260, 320), max_side=300)
    ax, window = figure.axes[0], np.array([70, 60])
    assert np.array_equal(np.concatenate([image.get_array() for image in ax.images])[..., 0], wafer[60:260, 70:320, 1])
    assert figure.texts[0].get_text() == "1 sections with both parts"
    assert [t.get_text() for t in ax.texts] == ["1"]
    lines, all_lines = (next(c for c in a.collections if type(c) is LineCollection) for a in (ax, whole))
    assert len(lines.get_paths()) == 2
    for part, same in zip(lines.get_paths(), all_lines.get_paths()):
        assert np.allclose(part.vertices + window, same.vertices)
    arrow, same = (next(c for c in a.collections if isinstance(c, Quiver)) for a in (ax, whole))
    assert np.allclose(arrow.XY + window, same.XY) and np.allclose(arrow.U, same.U)


@pytest.mark.parametrize("window", [(0, 0, 401, 500), (10, 10, 10, 20), (-1, 0, 20, 20)])
def test_a_window_must_lie_inside_the_wafer(sections, window):
    with pytest.raises(ConfigError, match="does not lie inside the image of 400 x 500"):
        draw_wafer(np.zeros((400, 500), np.uint8), *sections, window=window)


def test_a_small_window_is_enlarged(sections, tmp_path):
    wafer = np.random.default_rng(3).integers(0, 255, (400, 500)).astype(np.uint8)
    figure = draw_wafer(wafer, *sections, tmp_path / "part.png", window=(100, 90, 180, 170))
    drawn = np.rint(255 * imread(tmp_path / "part.png")[36:, :, 0])
    assert drawn.shape == (960, 960)  # the smallest multiple of 80 above 900
    arrow = next(c for c in figure.axes[0].collections if isinstance(c, Quiver))
    assert len(arrow.U) == 1
    line = next(c for c in figure.axes[0].collections if type(c) is LineCollection)
    corners = np.concatenate([p.vertices for p in line.get_paths()])
    # The section at rows 100 to 180 and columns 90 to 166, enlarged twelvefold.
    assert np.allclose((corners.max(axis=0) + 0.5) / 12, (77, 81), atol=1)
