"""Remarks on files: what is said of their pixel sizes and pages, once for all files."""

from types import SimpleNamespace

import pytest

from mrcnn.commands.remarks import Remark, remark_sentences, remarks_on


def source(pixel=None, problem=None, slice_problem=None, axes=(), notes=(), distance=None):
    pages = 1
    for _, length in axes:
        pages *= length
    return SimpleNamespace(
        pixel_size_nm=pixel,
        size_problem=problem,
        slice_problem=slice_problem,
        slice_distance_nm=distance,
        page_axes=axes,
        pages=pages,
        notes=notes,
    )


STACK, MOVIE, PAGES = (("z", 3),), (("t", 2), ("p", 3)), (("i", 3),)
PROBLEM = "states a pixel size in the unit 'x', which is not known"


@pytest.mark.parametrize(
    "file, options, said",
    [
        (source(), {}, []),
        (source((5.0, 5.0)), {}, []),
        (source((5.0, 5.0)), {"given_nm": (5.01, 5.0)}, []),
        (
            source((5.0, 5.0)),
            {"given_nm": (5.0, 6.0)},
            ["states a pixel size of 5 nm; --pixel-size-nm is used instead"],
        ),
        (source((5.0, 5.0)), {"default_nm": (5.0, 5.0)}, []),
        (
            source((2000.0, 2000.0)),
            {"default_nm": (5.0, 5.0)},
            ["states a pixel size of 2 um, which is used; the settings have 5 nm"],
        ),
        (source(), {"default_nm": (5.0, 6.0)}, ["states no pixel size; that of the settings, 5 nm x 6 nm (height x"]),
        (source(), {"default_nm": (5.0, 5.0), "given_nm": (7.0, 7.0)}, []),
        (
            source(problem=PROBLEM),
            {"default_nm": (5.0, 5.0)},
            [f"{PROBLEM}, so it is not used and sizes are in pixels"],
        ),
        (source(problem=PROBLEM), {"given_nm": (5.0, 5.0)}, []),
        (
            source(slice_problem="states x", axes=STACK),
            {},
            ["states x, so it is not used: give the distance with --sl"],
        ),
        (source(slice_problem="states x", axes=STACK), {"distance_nm": 5.0}, []),
        (source(slice_problem="states x"), {}, []),
        (source(axes=STACK), {"link": True}, []),
        (source(axes=MOVIE), {}, []),
        (
            source(axes=MOVIE),
            {"link": True},
            ["its pages are counted along T, P and are no slices (Z), so nothing was"],
        ),
        (source(axes=PAGES), {"link": True}, ["does not say what its pages are; they are linked as slices (Z)"]),
        (source(axes=STACK, distance=5.0), {"link": True}, ["states no pixel size, so volumes are in voxels only"]),
        (
            source(axes=STACK),
            {"link": True, "distance_nm": 5.0},
            ["states no pixel size, so volumes are in voxels only"],
        ),
        (source(axes=STACK, distance=5.0), {"link": True, "given_nm": (5.0, 5.0)}, []),
        (
            source(axes=MOVIE),
            {"link": True, "distance_nm": 5.0},
            ["its pages are counted along T, P and are no slices"],
        ),
        (source(notes=("holds 3 ROIs", "holds 2 images")), {}, ["holds 3 ROIs", "holds 2 images"]),
    ],
)
def test_remarks_on_a_file(file, options, said):
    found = remarks_on("a.tif", file, **options)
    assert len(found) == len(said) and all(
        r.text.startswith(text) and r.image == "a.tif" for r, text in zip(found, said)
    )


def test_remarks_of_a_kind_are_one_sentence():
    remarks = [
        Remark("a", "x", "states 1"),
        Remark("b", "y", "is b"),
        Remark("c", "x", "states 2"),
        Remark("d", "x", "3"),
    ]
    assert remark_sentences(remarks) == ["a (and 2 other images): states 1.", "b: is b."]
    assert remark_sentences(remarks[:3])[0] == "a (and 1 other image): states 1."
    assert remark_sentences([]) == []
