"""Zarr and OME-Zarr as a source: axes, pages, channels and windows, of files written by zarr and by ome-zarr."""

import inspect
import itertools
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError, MissingExtra
from mrcnn.images import image_source, read
from mrcnn.images.source import open_image

zarr = pytest.importorskip("zarr")

SIZES = {"t": 1, "z": 3, "c": 2, "y": 23, "x": 31}
CHUNKS = {"t": 1, "z": 2, "c": 1, "y": 10, "x": 12}
RNG = np.random.default_rng(0)
ORDERS = ["".join(order) for n in range(4) for order in itertools.permutations("tzc", n)]


def pixels(axes, dtype=np.uint16, **sizes):
    shape = [sizes.get(a, SIZES[a]) for a in axes]
    return RNG.integers(0, 250, shape).astype(dtype)


def write(path, array, axes=None, version="0.5", chunks=None, scales=(), units=None):
    """An OME-Zarr with a smaller second level; `scales`: of the first level, and of all levels."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    chunks = chunks or [min(CHUNKS[a], n) for a, n in zip(axes or "czyx"[-array.ndim :], array.shape)]
    for name, level in (("full", array), ("half", array[..., ::2, ::2])):
        group.create_array(name, shape=level.shape, dtype=level.dtype, chunks=tuple(chunks))[...] = level
    image = {"version": version, "datasets": [{"path": "full"}, {"path": "half"}]}
    if axes is not None:
        image["axes"] = [{"name": a, **({"unit": units[a]} if units and a in units else {})} for a in axes]
    for owner, scale in zip((image["datasets"][0], image), scales):
        owner["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
    group.attrs.update({"ome": {"multiscales": [image]}} if version == "0.5" else {"multiscales": [image]})
    return path


@given(data=st.data())
def test_axes_in_any_order_give_pages_rows_columns_and_channels(tmp_path_factory, data):
    axes = data.draw(st.permutations("yx").flatmap(lambda end: st.sampled_from([o + "".join(end) for o in ORDERS])))
    if data.draw(st.booleans()):
        axes = "".join(data.draw(st.permutations(axes)))
    several = data.draw(st.sampled_from(["z", "t", "none"]))
    sizes = {"z": 3 if several == "z" else 1, "t": 3 if several == "t" else 1, "c": data.draw(st.integers(1, 3))}
    # The oldest versions of zarr write no big-endian numbers into version 3.
    version, dtype = data.draw(
        st.sampled_from([("0.4", ">u2"), *itertools.product(("0.4", "0.5"), ("u1", "<f4", "?"))])
    )
    array = pixels(axes, dtype, **sizes)
    path = tmp_path_factory.mktemp("zarr") / "a.ome.zarr"
    write(path, array, axes, version)
    source = open_image(path)
    assert source.pages == (3 if several in axes else 1) and source.by_window
    channels = data.draw(st.none() | st.lists(st.integers(0, source.shape[2] - 1), min_size=1, max_size=3))
    source = open_image(path, channels=channels)
    for page in range(source.pages):
        one = array[tuple(slice(None) if a in "yxc" else page if a == several else 0 for a in axes)]
        kept = [a for a in axes if a in "yxc"]
        one = one if "c" in kept else one[..., None]
        one = one.transpose([[*kept, "c"].index(a) for a in "yxc"])
        one = one if channels is None else one[..., channels]
        assert (source.shape, source.dtype) == (one.shape, one.dtype.newbyteorder("="))
        np.testing.assert_array_equal(source.read(page), one)
        y1, x1 = data.draw(st.integers(0, 22)), data.draw(st.integers(0, 30))
        y2, x2 = data.draw(st.integers(y1 + 1, 23)), data.draw(st.integers(x1 + 1, 31))
        window = source.window(page, y1, x1, y2, x2)
        assert window.dtype.isnative
        np.testing.assert_array_equal(window, one[y1:y2, x1:x2])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_file_of_the_package_ome_zarr(tmp_path, version):
    writer = pytest.importorskip("ome_zarr.writer")
    from ome_zarr.format import FormatV04, FormatV05

    array, path = pixels("czyx"), tmp_path / "a.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    units, scale = dict.fromkeys("zyx", "micrometer"), dict(zip("czyx", (1, 2, 0.25, 0.5)))
    if "axes_units" in inspect.signature(writer.write_image).parameters:
        options = {"axes": "czyx", "axes_units": units, "scale": scale}
    else:
        axes = [{"name": a, "type": "space", "unit": unit} for a, unit in units.items()]
        options = {
            "axes": [{"name": "c", "type": "channel"}, *axes],
            "coordinate_transformations": [[{"type": "scale", "scale": list(scale.values())}]],
            "scaler": None,
        }
    writer.write_image(array, group, fmt=FormatV04() if version == "0.4" else FormatV05(), **options)
    source = open_image(path)
    assert (source.pages, source.shape, source.dtype) == (3, (23, 31, 2), np.uint16)
    assert source.pixel_size_nm == (250, 500) and source.slice_distance_nm == 2000
    for page in range(3):
        np.testing.assert_array_equal(source.read(page), np.moveaxis(array[:, page], 0, -1))


def test_a_label_image_of_this_package_is_read(tmp_path):
    from mrcnn.geometry.instances import Instances
    from mrcnn.results.label_zarr import write_label_zarr

    box = np.array([[2, 3, 7, 9]], np.int32)
    found = Instances((20, 30), box, np.array([1], np.int32), np.ones(1, np.float32), [np.ones((5, 6), bool)])
    write_label_zarr(tmp_path / "labels.ome.zarr", found, pixel_size_um=(0.1, 0.2))
    source = open_image(tmp_path / "labels.ome.zarr")
    assert source.pixel_size_nm == pytest.approx((100, 200)) and source.read()[..., 0].sum() == 30
    assert not source.by_window  # one chunk


@pytest.mark.parametrize(
    "scales, units, size",
    [
        ([[2, 3, 4]], {"z": "micrometer", "y": "nanometer", "x": "angstrom"}, (2000, 3, 0.4)),
        ([[2, 3, 4], [1, 2, 0.5]], {"z": "nanometer", "y": "nanometer", "x": "nanometer"}, (2, 6, 2)),
        ([[2, 3, 4]], {"y": "nanometer", "x": "nanometer"}, (None, 3, 4)),
        ([[2, 3, 4]], {"y": "nanometer", "x": "parsec"}, (None, None, None)),
        ([[2, 3, 0]], {"z": "nanometer", "y": "nanometer", "x": "nanometer"}, (2, None, None)),
        ([[2, 3]], {"z": "nanometer", "y": "nanometer", "x": "nanometer"}, (None, None, None)),
        ([[2, "3", 4]], {"z": "nanometer", "y": "nanometer", "x": "nanometer"}, (None, None, None)),
        ([], {"z": "nanometer", "y": "nanometer", "x": "nanometer"}, (None, None, None)),
        ([[2, 3, 4]], None, (None, None, None)),
    ],
)
def test_pixel_size_is_the_scale_in_its_unit(tmp_path, scales, units, size):
    source = open_image(write(tmp_path / "a.zarr", pixels("zyx"), "zyx", scales=scales, units=units))
    assert source.slice_distance_nm == (None if size[0] is None else pytest.approx(size[0]))
    assert source.pixel_size_nm == (None if size[1] is None else pytest.approx(size[1:]))


def test_plain_arrays_with_and_without_names(tmp_path):
    array = pixels("zyx")
    zarr.create_array(tmp_path / "named.zarr", data=array, chunks=(1, 10, 10), dimension_names=("z", "y", "x"))
    assert open_image(tmp_path / "named.zarr").pages == 3
    zarr.create_array(tmp_path / "folder", data=array[:1], chunks=(1, 10, 10), zarr_format=2)  # known by its metadata
    np.testing.assert_array_equal(open_image(tmp_path / "folder").read()[..., 0], array[0])
    zarr.create_array(tmp_path / "unnamed.zarr", data=array)
    with pytest.raises(DataError, match=r"unnamed.zarr: is an array of shape \(3, 23, 31\) whose metadata do not name"):
        open_image(tmp_path / "unnamed.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_images_as_bioformats2raw_writes_them(tmp_path, version):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3 if version == "0.5" else 2)
    layout = {"bioformats2raw.layout": 3}
    root.attrs.update({"ome": layout} if version == "0.5" else layout)
    arrays = [pixels("yx"), pixels("yx")]
    with pytest.raises(DataError, match="a.zarr: cannot be read as a Zarr image.*holds no image"):
        open_image(tmp_path / "a.zarr")
    write(tmp_path / "a.zarr" / "0", arrays[0], "yx", version)
    np.testing.assert_array_equal(open_image(tmp_path / "a.zarr").read()[..., 0], arrays[0])
    write(tmp_path / "a.zarr" / "1", arrays[1], "yx", version)
    with pytest.raises(DataError, match=r"a.zarr: holds 2 images \(0, 1\), but one is expected.*scene='0'"):
        open_image(tmp_path / "a.zarr")
    with pytest.raises(DataError, match="a.zarr: holds no image '2'. Choose one of 0, 1"):
        open_image(tmp_path / "a.zarr", scene="2")
    source = open_image(tmp_path / "a.zarr", scene="1")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read()[..., 0], arrays[1])
    shutil.move(tmp_path / "a.zarr" / "1", tmp_path / "a.zarr" / "second")
    ome = root.create_group("OME")
    ome.attrs.update({"ome": {"series": ["0", "second"]}} if version == "0.5" else {"series": ["0", "second"]})
    np.testing.assert_array_equal(open_image(tmp_path / "a.zarr", scene="second").read()[..., 0], arrays[1])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kind, cure", [("plate", "row/column/field, such as A/1/0"), ("well", "field, such as 0")])
def test_plates_and_wells_are_no_image(tmp_path, version, kind, cure):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3 if version == "0.5" else 2)
    group.attrs.update({"ome": {kind: {"wells": []}}} if version == "0.5" else {kind: {"wells": []}})
    with pytest.raises(DataError, match=f"a.zarr: is a {kind} of many images, but a single image is expected.*{cure}"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("axes", ["tzyx", "ztyx", "tczyx", "cztyx"])
def test_slices_at_several_time_points_are_pages(tmp_path, axes):
    array = pixels(axes, t=2)
    source = open_image(write(tmp_path / "a.zarr", array, axes))
    expected = np.moveaxis(array if "c" in axes else array[..., None], axes.find("c"), -1)
    order = [a for a in axes if a in "tz"]
    assert source.page_axes == tuple((a, {"t": 2, "z": 3}[a]) for a in order)
    for page, place in enumerate(np.ndindex(*expected.shape[:2])):
        assert (source.read(page) == expected[place]).all()


def test_axes_that_are_no_image(tmp_path):
    assert open_image(write(tmp_path / "b.zarr", pixels("tzyx", t=2, z=1), "tzyx")).pages == 2
    for axes in ("qyx", "zyc", "yyx", "yx"):
        path = write(tmp_path / "c.zarr", pixels("zyx"), "zyx")
        group = zarr.open_group(path)
        scales = group.attrs["ome"]["multiscales"][0]
        group.attrs.put({"ome": {"multiscales": [scales | {"axes": [{"name": a} for a in axes]}]}})
        with pytest.raises(
            DataError, match=f"c.zarr: is an array of shape .3, 23, 31. with the axes {', '.join(axes)}"
        ):
            open_image(path)
    with pytest.raises(DataError, match="d.zarr: has pixels of type complex64"):
        open_image(write(tmp_path / "d.zarr", pixels("yx", np.complex64), "yx"))
    with pytest.raises(DataError, match="e.zarr: is an array of shape .*, which is empty"):
        open_image(write(tmp_path / "e.zarr", pixels("czyx", c=0), "czyx", chunks=(1, 1, 10, 10)))
    with pytest.raises(DataError, match="b.zarr: holds a single image, so it has no image 'x'"):
        open_image(tmp_path / "b.zarr", scene="x")
    (tmp_path / "f.zarr").mkdir()
    with pytest.raises(DataError, match="f.zarr: cannot be read as a Zarr image"):
        open_image(tmp_path / "f.zarr")
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_group("full")
    group.attrs.update({"ome": {"multiscales": [{"datasets": [{"path": "full"}]}]}})
    with pytest.raises(DataError, match="g.zarr: cannot be read as a Zarr image .*a group where an array belongs"):
        open_image(tmp_path / "g.zarr")


@pytest.mark.parametrize(
    "change",
    [
        {"axes": 3},
        {"axes": [3, 4]},
        {"axes": [{"name": 3}, {}]},
        {"axes": ["y", "x"]},
        {"coordinateTransformations": 5},
        {"coordinateTransformations": [5, {"scale": 5}, {"scale": [None, None]}, {"scale": [True, 1]}]},
        {
            "axes": [{"name": "y", "unit": 5}, {"name": "x", "unit": []}],
            "coordinateTransformations": [{"scale": [1, 1]}],
        },
    ],
)
def test_metadata_of_unexpected_kinds_are_not_used(tmp_path, change):
    array = pixels("yx")
    group = zarr.open_group(write(tmp_path / "a.zarr", array, "yx"))
    group.attrs.put({"ome": {"multiscales": [group.attrs["ome"]["multiscales"][0] | change]}})
    source = open_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(source.read()[..., 0], array)
    assert source.pixel_size_nm is None


def test_a_chunk_of_the_whole_page_is_decoded_once(tmp_path, monkeypatch):
    array = pixels("zyx")
    source = open_image(write(tmp_path / "a.zarr", array, "zyx", chunks=(1, 23, 31)))
    assert not source.by_window
    np.testing.assert_array_equal(source.window(1, 2, 3, 9, 20)[..., 0], array[1, 2:9, 3:20])

    def fail(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(zarr.Array, "__getitem__", fail)
    np.testing.assert_array_equal(source.window(1, 0, 0, 9, 20)[..., 0], array[1, :9, :20])


def test_only_the_chunks_of_a_window_are_read(tmp_path):
    array = pixels("yx")
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(10, 12))
    source = open_image(tmp_path / "a.zarr")
    for chunk in (p for p in (tmp_path / "a.zarr" / "c").rglob("*") if p.is_file()):
        if (chunk.parent.name, chunk.name) != ("1", "2"):
            chunk.write_bytes(b"none")
    np.testing.assert_array_equal(source.window(0, 12, 24, 19, 30)[..., 0], array[12:19, 24:30])


def test_shards_are_read_by_their_chunks(tmp_path):
    pytest.importorskip(
        "zarr", minversion="3.1", reason="zarr 3.0 writes damaged shards with newer versions of numcodecs"
    )
    array = pixels("yx")
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(10, 12), shards=(30, 36))
    source = open_image(tmp_path / "a.zarr")
    assert source.by_window
    np.testing.assert_array_equal(source.window(0, 8, 10, 13, 30)[..., 0], array[8:13, 10:30])


def test_images_of_any_size_are_read_by_window_and_chunks_of_any_size_are_not(tmp_path, monkeypatch):
    array = pixels("yx")
    write(tmp_path / "small.zarr", array, "yx")
    write(tmp_path / "large.zarr", array, "yx", chunks=(20, 31))
    monkeypatch.setattr(read, "MAX_PIXELS", 20 * 31 - 1)
    source = open_image(tmp_path / "small.zarr")
    np.testing.assert_array_equal(source.window(0, 5, 6, 20, 30)[..., 0], array[5:20, 6:30])
    with pytest.raises(DataError, match="small.zarr: declares 23 x 31 x 1 = 713 values, more than the limit"):
        source.read()
    with pytest.raises(DataError, match="large.zarr: declares 20 x 31 = 620 values"):
        open_image(tmp_path / "large.zarr")


def test_damaged_chunks_and_values_that_are_no_numbers_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(image_source, "KEPT_BYTES", 0)
    array = pixels("yx", np.float32)
    array[22, 30] = np.inf
    source = open_image(write(tmp_path / "a.zarr", array, "yx"))
    source.window(0, 0, 0, 20, 31)
    with pytest.raises(DataError, match="a.zarr: has 1 NaN or infinite values"):
        source.window(0, 20, 20, 23, 31)
    for chunk in (p for p in (tmp_path / "a.zarr" / "full").rglob("*") if p.is_file() and p.name != "zarr.json"):
        chunk.write_bytes(b"none")
    with pytest.raises(DataError, match="a.zarr: cannot be read in rows 3 to 9"):
        source.window(0, 3, 4, 9, 9)
    with source:
        pass
    with pytest.raises(DataError, match="a.zarr: cannot be read in rows 3 to 9"):
        source.window(0, 3, 4, 9, 9)  # opened again


def test_without_zarr_the_extra_is_named(tmp_path, monkeypatch):
    import sys

    write(tmp_path / "a.zarr", pixels("yx"), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtra, match="pip install zarr$"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "shape, chunks, problem",
    [
        (
            (10**9, 10**9),
            (64, 64),
            r"declares 1 pages of 1000000000 x 1000000000 x 1 values, more than the limits of 1 TiB",
        ),
        ((10**12, 64, 64), (1, 64, 64), "declares 1000000000000 pages of 64 x 64 x 1 values, more than the limits"),
        ((60_000, 60_000), (60_000, 60_000), "declares 60000 x 60000 = 3600000000 values"),
        ((30_000, 30_000), (30_000, 30_000), "declares 30000 x 30000 values of 8 bytes"),
    ],
)
def test_a_few_bytes_that_declare_more_than_any_image_has_are_refused(tmp_path, shape, chunks, problem):
    path, axes = tmp_path / "a.zarr", "zyx"[-len(shape) :]
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("full", shape=shape, dtype="f8", chunks=chunks)
    image = {"version": "0.4", "datasets": [{"path": "full"}], "axes": [{"name": a} for a in axes]}
    group.attrs.update({"multiscales": [image]})
    with pytest.raises(DataError, match=f"a.zarr: {problem}"):
        open_image(path)
