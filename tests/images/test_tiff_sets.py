"""OME-TIFF of several files, further images in a file, ROIs of ImageJ: read, told or refused with a cure."""

import uuid

import numpy as np
import pytest
import tifffile

from mrcnn.errors import DataError
from mrcnn.images import tiff_sets
from mrcnn.images.read import read_image
from mrcnn.images.source import open_image
from mrcnn.images.tiff import tiff_layout

STACK = np.random.default_rng(0).integers(0, 256, (4, 20, 30), np.uint8)
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ome(images, own=None):
    """OME-XML of images, each (number of planes, [(plane, file or None, uuid or None)])."""
    parts = []
    for number, (planes, data) in enumerate(images):
        places = "".join(
            f'<TiffData FirstZ="{plane}" IFD="0" PlaneCount="1">'
            + (f'<UUID FileName="{file}">{name}</UUID>' if file else "")
            + "</TiffData>"
            for plane, file, name in data
        )
        parts.append(
            f'<Image ID="Image:{number}" Name="field {number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" '
            f'Type="uint8" SizeX="30" SizeY="20" SizeZ="{planes}" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:{number}:0" SamplesPerPixel="1"/>{places}</Pixels></Image>'
        )
    root = f' UUID="{own}"' if own else ""
    return f'<?xml version="1.0"?><OME xmlns="{NAMESPACE}"{root}>{"".join(parts)}</OME>'


def names(count):
    return [f"urn:uuid:{uuid.UUID(int=n + 1)}" for n in range(count)]


def write(path, image, xml):
    tifffile.imwrite(path, image, description=xml, metadata=None, photometric="minisblack")
    return path


@pytest.mark.parametrize("present", [True, False])
def test_an_image_split_over_files_is_refused_with_their_names(tmp_path, present):
    ids = names(4)
    data = [(z, f"z{z}.ome.tif", ids[z]) for z in range(4)]
    for z in range(4 if present else 1):
        write(tmp_path / f"z{z}.ome.tif", STACK[z], ome([(4, data)], ids[z]))
    for read in (read_image, open_image):
        with pytest.raises(DataError) as caught:
            read(tmp_path / "z0.ome.tif")
        said = str(caught.value)
        assert (
            "z0.ome.tif: is one file of an OME-TIFF set: its image is also in z1.ome.tif, z2.ome.tif, z3.ome.tif"
            in said
        )
        assert "Bio-Formats" in said and len(said) < 600


def test_each_position_in_its_own_file_is_read_from_this_file(tmp_path):
    """As Micro-Manager and others write them: every file describes the whole set."""
    ids = names(3)
    images = [(1, [(0, f"p{n}.ome.tif", ids[n])]) for n in range(3)]
    for n in range(3):
        write(tmp_path / f"p{n}.ome.tif", STACK[n], ome(images, ids[n]))
    for n in range(3):
        np.testing.assert_array_equal(read_image(tmp_path / f"p{n}.ome.tif"), STACK[n])
        assert open_image(tmp_path / f"p{n}.ome.tif").notes == ()
    (tmp_path / "p0.ome.tif").unlink()  # the others do not need it
    np.testing.assert_array_equal(read_image(tmp_path / "p2.ome.tif"), STACK[2])


def test_a_file_described_by_a_companion_is_refused(tmp_path):
    xml = (
        f'<?xml version="1.0"?><OME xmlns="{NAMESPACE}" UUID="{names(1)[0]}"><BinaryOnly '
        f'MetadataFile="cells.companion.ome" UUID="{names(2)[1]}"/></OME>'
    )
    write(tmp_path / "a.ome.tif", STACK, xml)
    with pytest.raises(
        DataError, match=r"a.ome.tif: is one file of an OME-TIFF set .* are in cells.companion.ome. Save"
    ):
        tiff_layout(tmp_path / "a.ome.tif")


def test_a_renamed_file_is_still_its_own(tmp_path):
    own = names(1)[0]
    xml = ome([(1, [(0, "old name.ome.tif", own)])], own)
    np.testing.assert_array_equal(read_image(write(tmp_path / "new.ome.tif", STACK[0], xml)), STACK[0])


def test_further_images_of_a_file_are_told(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for image in STACK[:3]:
            file.write(image, photometric="minisblack")
    source = open_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(source.read()[..., 0], STACK[0])
    assert len(source.notes) == 1 and source.notes[0].startswith("holds 3 images, of which only the first")


@pytest.mark.parametrize(
    "metadata, count",
    [
        ({"ROI": b"Iout" + bytes(60)}, "1 ROI of ImageJ, which is"),
        ({"Overlays": [b"Iout" + bytes(60)] * 3}, "3 ROIs of ImageJ, which are"),
        ({"ROI": b"Iout" + bytes(60), "Overlays": [b"Iout" + bytes(60)] * 2}, "3 ROIs of ImageJ, which are"),
    ],
)
def test_rois_inside_a_file_are_told(tmp_path, metadata, count):
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "ZYX", **metadata})
    source = open_image(tmp_path / "a.tif")
    assert len(source.notes) == 1
    assert f"holds {count} not used (to export them, in Fiji" in source.notes[0]
    tifffile.imwrite(tmp_path / "b.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    assert open_image(tmp_path / "b.tif").notes == ()


@pytest.mark.parametrize("size", ["100000000", "1e9", "9" * 400])
@pytest.mark.parametrize("attribute", ["SizeZ", "PlaneCount"])
def test_planes_that_cannot_be_are_refused_before_anything_is_made(tmp_path, monkeypatch, size, attribute):
    xml = ome([(1, [(0, None, None)])]).replace(f'{attribute}="1"', f'{attribute}="{size}"')
    assert size in xml
    write(tmp_path / "a.ome.tif", STACK[0], xml)
    monkeypatch.setattr(tifffile.TiffFile, "series", property(lambda self: pytest.fail("parsed")))
    with pytest.raises(DataError, match=r"a.ome.tif: .*(planes in its OME-XML|damaged OME-XML)"):
        tiff_layout(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("count", [5, 10**6, 10**12, 10**18])
def test_images_that_imagej_declares_and_the_file_does_not_hold(tmp_path, count):
    """Such as a stack above 4 GB that was cut off; no list or array of the declared length is made."""
    description = f"ImageJ=1.53\nimages={count}\nslices={count}\n"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], metadata=None, description=description, compression="zlib")
    with pytest.raises(DataError, match=rf"a.tif: declares {count} pages but holds 1. The file is truncated"):
        open_image(path)
    tifffile.imwrite(path, STACK[0], metadata=None, description=description)
    source = open_image(path)
    assert source.pages == 1
    assert source.notes == (f"declares {count:.6g} images in its ImageJ metadata, but holds 1",)
    np.testing.assert_array_equal(source.read()[..., 0], STACK[0])


def test_names_in_messages_are_cut():
    assert tiff_sets.listed(["x" * 5000, "b", "c"], 2) == "x" * 120 + ", b and 1 more"
