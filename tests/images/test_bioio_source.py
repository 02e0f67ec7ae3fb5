"""CZI of a real writer (skipped without pylibCZIrw and bioio-czi); ND2 and LIF by stand-ins for their readers.

No program other than the microscopes' own writes ND2 and LIF, so `Stub` takes the place of bioio for them: it has what
`BioSource` uses of `bioio.BioImage`, and `test_the_stub_is_like_bioio` compares the two where bioio is installed.
"""

import importlib.util
import logging
import pickle
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.images import bioio_source, image_source, read
from mrcnn.images.source import open_image

dask_array = pytest.importorskip("dask.array")

RNG = np.random.default_rng(0)
SHAPE = {"T": 1, "C": 2, "Z": 3, "Y": 23, "X": 31}


class BioioError(Exception):
    """An error of bioio: its base class is no more specific than this."""


BioioError.__module__, BioioError.__name__ = "bioio_base.exceptions", "UnsupportedFileFormatError"


class Dimensions:
    def __init__(self, order, shape):
        self.order, self.shape = order, shape


class Stub:
    """`bioio.BioImage` of arrays [T, C, Z, Y, X] or with S at the end, one per scene."""

    arrays = {"Image:0": RNG.integers(0, 60000, tuple(SHAPE.values()), np.uint16)}
    native = None  # axes that the reader has, if they are not those of the array
    sizes = (2.0, 0.1, 0.25)
    chunks = 10
    read = []

    def __init__(self, path, reader=None):
        assert reader is StubReader
        with open(path, "rb") as file:
            if file.read() != b"sound":
                logging.getLogger("bioio.bio_image").warning("Attempted file load failed")
                raise BioioError("BioImage does not support the image.\nYou may need to install a reader.")
        self.scenes, self.scene = tuple(self.arrays), None

    def set_scene(self, name):
        self.scene = name

    @property
    def array(self):
        return self.arrays[self.scene]

    @property
    def dims(self):
        return Dimensions("TCZYXS"[: self.array.ndim], self.array.shape)

    @property
    def dtype(self):
        return self.array.dtype

    @property
    def reader(self):
        return types.SimpleNamespace(dims=self.native or self.dims)

    @property
    def physical_pixel_sizes(self):
        if self.sizes is None:
            raise BioioError("Expected 1 distance scale for dimension 'Y' but found 0.")
        return types.SimpleNamespace(**dict(zip("ZYX", self.sizes)))

    def get_image_dask_data(self, order, **place):
        axes = "TCZYXS"[: self.array.ndim]
        array = self.array[tuple(slice(None) if a in order else place.get(a, 0) for a in axes)]
        if order == "YXC":
            array = np.moveaxis(array[place.get("C", slice(None))], 0, -1)

        def block(part):
            self.read.append(part.shape)
            return part

        chunks = (self.chunks, self.chunks, 1)
        return dask_array.from_array(array, chunks=chunks).map_blocks(block, meta=array[:0, :0, :0])


class StubReader:
    pass


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A file that the stub opens; the class can be changed by `monkeypatch`."""
    monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=Stub, __spec__=True))
    for name in ("bioio_nd2", "bioio_lif"):
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(Reader=StubReader, __spec__=True))
    monkeypatch.setattr(Stub, "read", [])
    (tmp_path / "a.nd2").write_bytes(b"sound")
    return tmp_path / "a.nd2"


def whole(array, page):
    return np.moveaxis(array[0, :, page], 0, -1)


@pytest.mark.parametrize("chunks", [10, 31])
@pytest.mark.parametrize("suffix", [".nd2", ".lif", ".ND2"])
def test_windows_are_crops_of_the_page(path, monkeypatch, chunks, suffix):
    monkeypatch.setattr(Stub, "chunks", chunks)
    path = path.rename(path.with_suffix(suffix))
    array = Stub.arrays["Image:0"]
    source = open_image(path)
    assert (source.pages, source.shape, source.dtype) == (3, (23, 31, 2), np.uint16)
    assert source.pixel_size_nm == (100, 250) and source.slice_distance_nm == 2000
    assert source.by_window is (chunks == 10) and not Stub.read
    for page, y1, x1, y2, x2 in ((0, 0, 0, 23, 31), (2, 5, 6, 7, 8), (1, 22, 30, 23, 31)):
        np.testing.assert_array_equal(source.window(page, y1, x1, y2, x2), whole(array, page)[y1:y2, x1:x2])
        np.testing.assert_array_equal(source.read(page), whole(array, page))
    one = open_image(path, channels=[1])
    Stub.read.clear()
    one.window(0, 12, 12, 15, 15)
    assert Stub.read == [(10, 10, 1) if chunks == 10 else (23, 31, 1)]
    chosen = open_image(path, channels=[1, 0, 1])
    np.testing.assert_array_equal(chosen.window(1, 3, 4, 9, 9), whole(array, 1)[3:9, 4:9, [1, 0, 1]])
    with source:
        pass
    for one in (source, pickle.loads(pickle.dumps(source))):
        np.testing.assert_array_equal(one.read(2), whole(array, 2))


def test_time_points_are_pages_and_colours_are_channels(path, monkeypatch):
    colours = RNG.integers(0, 256, (4, 1, 1, 23, 31, 3), np.uint8)
    monkeypatch.setattr(Stub, "arrays", {"a": colours})
    source = open_image(path)
    assert (source.pages, source.shape) == (4, (23, 31, 3))
    np.testing.assert_array_equal(source.window(2, 3, 4, 9, 20), colours[2, 0, 0, 3:9, 4:20])
    monkeypatch.setattr(Stub, "arrays", {"a": colours[..., 0]})
    np.testing.assert_array_equal(open_image(path).read(3), colours[3, 0, 0, ..., :1])


def test_a_scene_is_chosen_by_its_name(path, monkeypatch):
    arrays = {name: RNG.integers(0, 9, (1, 1, 1, 5 + n, 6), np.uint8) for n, name in enumerate(("one", "two"))}
    monkeypatch.setattr(Stub, "arrays", arrays)
    with pytest.raises(DataError, match=r"a.nd2: holds 2 images \(one, two\), but one is expected.*scene='one'"):
        open_image(path)
    with pytest.raises(DataError, match="a.nd2: holds no image 'three'. Choose one of one, two"):
        open_image(path, scene="three")
    source = open_image(path, scene="two")
    assert source.shape == (6, 6, 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read()[..., 0], arrays["two"][0, 0, 0])


@pytest.mark.parametrize(
    "sizes, expected",
    [
        (None, (None, None)),
        ((None, 0.1, 0.1), ((100, 100), None)),
        ((1.0, 0.1, None), (None, 1000)),
        ((0.0, 0.0, 0.0), (None, None)),
        ((np.nan, -1, np.inf), (None, None)),
    ],
)
def test_pixel_sizes_that_the_file_does_not_state(path, monkeypatch, sizes, expected):
    monkeypatch.setattr(Stub, "sizes", sizes)
    source = open_image(path)
    assert (source.pixel_size_nm, source.slice_distance_nm) == expected


@pytest.mark.parametrize(
    "shape, native, problem",
    [
        ((1, 2, 1, 5, 6, 3), None, "holds 2 channels of colour images"),
        ((1, 1, 1, 5, 6), ("VCYX", (4, 1, 5, 6)), r"has the further axes V \(4\). Save each part as a separate file"),
    ],
)
def test_axes_that_are_no_pages_of_an_image(path, monkeypatch, shape, native, problem):
    monkeypatch.setattr(Stub, "arrays", {"a": np.zeros(shape, np.uint8)})
    monkeypatch.setattr(Stub, "native", native and Dimensions(*native))
    with pytest.raises(DataError, match=f"a.nd2: {problem}"):
        open_image(path)


def test_files_that_are_missing_empty_or_damaged(path, monkeypatch, caplog):
    for name, content, problem in (
        ("none.nd2", None, r"cannot be opened \(No such file"),
        ("empty.nd2", b"", "is empty"),
        ("bad.nd2", b"text", r"cannot be read \(its format was not recognised\). If it opens in the microscope"),
    ):
        if content is not None:
            path.with_name(name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: {problem}") as caught:
            open_image(path.with_name(name))
        assert "\n" not in str(caught.value)
    assert not caplog.records
    source = open_image(path)

    def fail(*_, **__):
        raise RuntimeError("Not enough data read\nat offset 0")

    monkeypatch.setattr(Stub, "get_image_dask_data", fail)
    with pytest.raises(
        DataError, match=r"a.nd2: cannot be read in rows 3 to 5 .*\(RuntimeError: Not enough data read\)\. "
    ):
        source.window(1, 3, 4, 5, 6)


@pytest.mark.parametrize("error", [TypeError("a"), AttributeError("b"), NotImplementedError("c")])
def test_a_bug_is_not_a_damaged_file(path, monkeypatch, error):
    source = open_image(path)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Stub, "get_image_dask_data", fail)
    with pytest.raises(type(error)) as caught:
        source.read()
    assert caught.value is error


def test_a_plane_that_has_to_be_decoded_is_refused_above_the_limit(path, monkeypatch):
    monkeypatch.setattr(read, "MAX_PIXELS", 23 * 31 * 2 - 1)
    open_image(path).window(0, 0, 0, 5, 5)
    monkeypatch.setattr(Stub, "chunks", 31)
    with pytest.raises(DataError, match="a.nd2: declares 23 x 31 x 2 = 1426 values, more than the limit"):
        open_image(path)


def test_a_decoded_page_is_kept(path, monkeypatch):
    monkeypatch.setattr(Stub, "chunks", 31)
    monkeypatch.setattr(image_source, "KEPT_BYTES", 0)
    source = open_image(path)
    for y in range(0, 20, 5):
        source.window(1, y, 0, y + 5, 31)
    assert len(Stub.read) == 2  # the channels of the page


# --- Where bioio is installed ---
def test_the_stub_is_like_bioio(tmp_path, monkeypatch):
    pytest.importorskip("bioio", reason="bioio is not installed (extra 'bioio')")
    import bioio
    import xarray
    from bioio_base.reader import Reader

    class Arrays(Reader):
        """A reader, like those of ND2 and LIF, of a file that is not there."""

        scenes = ("Image:0",)
        _fs = None

        def __init__(self, image, fs_kwargs=None, **_):
            self._path = str(image)

        @staticmethod
        def _is_supported_image(fs, path, **_):
            return True

        def _read_delayed(self):
            array = Stub.arrays["Image:0"]
            return xarray.DataArray(dask_array.from_array(array, chunks=(1, 1, 1, 10, 10)), dims=list("TCZYX"))

        _read_immediate = None

        @property
        def physical_pixel_sizes(self):
            return types.SimpleNamespace(Z=2.0, Y=0.1, X=0.25)

    monkeypatch.setitem(sys.modules, "bioio_nd2", types.SimpleNamespace(Reader=Arrays, __spec__=True))
    (tmp_path / "a.nd2").write_bytes(b"sound")
    source = open_image(tmp_path / "a.nd2")
    assert bioio.BioImage is not Stub and source.by_window and source.pages == 3
    assert source.pixel_size_nm == (100, 250) and source.slice_distance_nm == 2000
    for page in range(3):
        np.testing.assert_array_equal(
            source.window(page, 5, 6, 20, 30), whole(Stub.arrays["Image:0"], page)[5:20, 6:30]
        )


@pytest.mark.parametrize("suffix", [".nd2", ".lif"])
def test_a_file_of_another_kind_is_refused_by_the_real_reader(tmp_path, suffix):
    pytest.importorskip(f"bioio_{suffix[1:]}", reason="the reader is not installed (extra 'bioio')")
    (tmp_path / f"a{suffix}").write_bytes(b"text" * 500)
    with pytest.raises(DataError, match=f"a{suffix}: cannot be read") as caught:
        open_image(tmp_path / f"a{suffix}")
    assert "\n" not in str(caught.value)


# --- CZI, where its reader and writer are installed ---
SLICES = RNG.integers(0, 60000, (2, 3, 40, 50), np.uint16)
COLOURS = RNG.integers(0, 256, (40, 50, 3), np.uint8)
with_czi = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("bioio", "bioio_czi", "pylibCZIrw")),
    reason="bioio, bioio-czi or pylibCZIrw is not installed: pip install bioio bioio-czi",
)


@pytest.fixture(scope="module")
def czi(tmp_path_factory):
    from pylibCZIrw.czi import create_czi

    folder = tmp_path_factory.mktemp("czi")
    with create_czi(str(folder / "slices.czi")) as file:
        for c, z in np.ndindex(2, 3):
            file.write(data=SLICES[c, z, ..., None], plane={"C": c, "Z": z, "T": 0})
        file.write_metadata("a", channel_names={0: "DAPI", 1: "GFP"}, scale_x=1.5e-7, scale_y=1e-7, scale_z=2e-6)
    with create_czi(str(folder / "colours.czi")) as file:  # without metadata; colours are written as blue, green, red
        file.write(data=COLOURS[..., ::-1].copy(), plane={"C": 0, "Z": 0, "T": 0})
    with create_czi(str(folder / "tiles.czi")) as file:
        for y, x in np.ndindex(2, 2):
            tile = SLICES[0, 0, 20 * y : 20 * y + 20, 25 * x : 25 * x + 25, None]
            file.write(data=tile, plane={"C": 0, "Z": 0, "T": 0}, location=(25 * x, 20 * y))
        file.write_metadata("a", scale_x=1e-7, scale_y=1e-7)
    with create_czi(str(folder / "both.czi")) as file:
        for t, z in np.ndindex(2, 2):
            file.write(data=SLICES[t, z, ..., None], plane={"C": 0, "Z": z, "T": t})
        file.write_metadata("a", scale_x=1e-7, scale_y=1e-7, scale_z=1e-6)
    return folder


@with_czi
@given(data=st.data())
def test_windows_of_czi_are_crops_of_what_was_written(czi, data):
    name = data.draw(st.sampled_from(["slices.czi", "colours.czi", "tiles.czi"]))
    pages = {
        "slices.czi": [np.moveaxis(SLICES[:, z], 0, -1) for z in range(3)],
        "colours.czi": [COLOURS],
        "tiles.czi": [SLICES[0, 0, ..., None]],
    }[name]
    channels = data.draw(st.none() | st.lists(st.integers(0, pages[0].shape[2] - 1), min_size=1, max_size=3))
    source = open_image(czi / name, channels=channels)
    page, y1, x1 = (data.draw(st.integers(0, n - 1)) for n in (len(pages), 40, 50))
    y2, x2 = data.draw(st.integers(y1 + 1, 40)), data.draw(st.integers(x1 + 1, 50))
    expected = pages[page] if channels is None else pages[page][..., channels]
    assert (source.pages, source.shape, source.dtype) == (len(pages), expected.shape, expected.dtype)
    np.testing.assert_array_equal(source.window(page, y1, x1, y2, x2), expected[y1:y2, x1:x2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(page), expected)


@with_czi
def test_pixel_size_of_czi(czi):
    source = open_image(czi / "slices.czi")
    assert source.pixel_size_nm == pytest.approx((100, 150)) and source.slice_distance_nm == pytest.approx(2000)
    source = open_image(czi / "colours.czi")
    assert source.pixel_size_nm is None and source.slice_distance_nm is None


@with_czi
def test_slices_at_several_time_points_of_czi_are_pages_in_this_order(czi):
    source = open_image(czi / "both.czi")
    assert tuple(source.page_axes) == (("t", 2), ("z", 2)) and source.pages == 4
    for page, (t, z) in enumerate(np.ndindex(2, 2)):
        np.testing.assert_array_equal(source.read(page)[..., 0], SLICES[t, z])


@with_czi
def test_czi_that_is_cut_off_or_another_file(czi, tmp_path):
    sound = (czi / "slices.czi").read_bytes()
    for size in (10, 1000, 5000, len(sound) - 2000):
        (tmp_path / "a.czi").write_bytes(sound[:size])
        with pytest.raises(DataError, match="a.czi: cannot be read") as caught:
            open_image(tmp_path / "a.czi").read()
        assert "\n" not in str(caught.value)


def test_colours_of_czi_are_turned_round():
    colours = np.arange(8).reshape(1, 2, 4)
    for suffix, count, order in (
        (".czi", 3, [2, 1, 0]),
        (".czi", 4, [2, 1, 0, 3]),
        (".czi", 1, [0]),
        (".lif", 3, [0, 1, 2]),
    ):
        source = bioio_source.BioSource.__new__(bioio_source.BioSource)
        source._path, source._colours = f"a{suffix}", count
        assert (source._red_first(colours[..., :count]) == colours[..., order]).all()
