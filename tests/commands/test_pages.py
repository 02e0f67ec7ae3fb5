"""Pages of images: names, whole or by window, and prepared as in training."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.commands import pages
from mrcnn.commands.pages import Page, PreparedWindows, WindowedImage, load_page
from mrcnn.data.molding import to_channels
from mrcnn.data.prepared import Preparation
from mrcnn.errors import DataError
from mrcnn.images.source import open_image

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """(path, array [3, 40, 50, 3]) of an RGB stack of 16 bits."""
    array = RNG.integers(0, 60_000, (3, 40, 50, 3)).astype(np.uint16)
    path = tmp_path_factory.mktemp("pages") / "stack.tif"
    tifffile.imwrite(path, array, photometric="rgb")
    return path, array


def page_of(path, number=0):
    source = open_image(path)
    return Page(0, source, path.name, path.stem, number, source.pages)


def test_names_of_pages_and_of_their_files():
    single, first, third = (Page(0, None, "a.tif", "a", page, pages) for page, pages in ((0, 1), (0, 5), (3, 5)))
    assert [page.called for page in (single, first, third)] == ["a.tif", "a.tif[0]", "a.tif[3]"]
    assert [page.file("overlay") for page in (single, first, third)] == ["a_overlay", "a_overlay", "a_overlay_0003"]


def test_large_pages_are_read_by_window_if_the_format_allows_it(stack, monkeypatch, tmp_path):
    path, array = stack
    np.testing.assert_array_equal(load_page(page_of(path, 2)), array[2])
    monkeypatch.setattr(pages, "WHOLE_PIXELS", 40 * 50 - 1)
    assert isinstance(load_page(page_of(path, 2)), WindowedImage)
    from PIL import Image

    Image.fromarray(array[0, ..., 0].astype(np.uint8)).save(tmp_path / "a.png")
    assert isinstance(load_page(page_of(tmp_path / "a.png")), np.ndarray)


ENDS = st.none() | st.integers(-60, 60)


@given(
    rows=st.tuples(ENDS, ENDS),
    columns=st.tuples(ENDS, ENDS),
    page=st.integers(0, 2),
    count=st.sampled_from([None, 1, 3]),
)
def test_slices_of_a_page_that_is_not_in_memory(stack, rows, columns, page, count):
    path, array = stack
    image = WindowedImage(open_image(path), page)
    image = image if count is None else image.of_channels(count)
    whole = array[page] if count is None else to_channels(array[page], count)
    found = image[slice(*rows), slice(*columns)]
    np.testing.assert_array_equal(found, whole[slice(*rows), slice(*columns)])
    assert image.shape == whole.shape and found.dtype == np.uint16


@given(
    rows=st.none() | st.tuples(st.integers(0, 10), st.integers(30, 40)),
    factor=st.integers(1, 5),
    channels=st.sampled_from([1, 3]),
    window=st.tuples(*[st.floats(0, 1)] * 4),
    by_window=st.booleans(),
)
def test_windows_of_a_prepared_page(stack, rows, factor, channels, window, by_window):
    path, array = stack
    preparation = Preparation(rows, factor)
    image = WindowedImage(open_image(path), 1) if by_window else array[1]
    source = PreparedWindows(image, channels, preparation, path)
    whole = to_channels(preparation.image(array[1]), channels)
    assert source.shape == whole.shape
    np.testing.assert_array_equal(source.whole(), whole)
    (y1, y2), (x1, x2) = (
        sorted((int(a * (n - 1)), int(b * n) + 1)) for a, b, n in zip(window[:2], window[2:], whole.shape)
    )
    y2, x2 = min(max(y2, y1 + 1), whole.shape[0]), min(max(x2, x1 + 1), whole.shape[1])
    np.testing.assert_array_equal(source.read(y1, x1, y2, x2), whole[y1:y2, x1:x2])


def test_an_image_that_cannot_be_prepared_is_named(stack):
    path, array = stack
    with pytest.raises(DataError, match="stack.tif: has 40 rows"):
        PreparedWindows(array[0], 3, Preparation((0, 99)), path)
    with pytest.raises(DataError, match="stack.tif: the image has 3 channels"):
        PreparedWindows(array[0], 2, None, path).whole()


def test_the_memory_of_a_page(stack, monkeypatch):
    path, array = stack
    assert pages.page_bytes(page_of(path)) == load_page(page_of(path)).nbytes == array[0].nbytes
    assert pages.page_bytes(Page(0, None, "a.tif", "a", 0, 1)) == 0
    monkeypatch.setattr(pages, "WHOLE_PIXELS", 100)
    assert pages.page_bytes(page_of(path)) == 0
