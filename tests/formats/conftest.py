"""Images on disk and random annotations for them."""

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from mrcnn.formats.annotation import ImageAnnotation

SHAPES = {"a.png": (40, 60), "b c.png": (9, 300), "ä.png": (1, 1)}
NAMES = (
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=8)
    .map(lambda text: "".join(c for c in text if c.isprintable()).strip())
    .filter(bool)
)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of empty images of the sizes above."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, shape in SHAPES.items():
        Image.fromarray(np.zeros(shape, np.uint8)).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def annotations(pictures):
    """Strategy: lists of annotations of some of the images, each used once."""
    return (
        st.lists(st.sampled_from(sorted(SHAPES)), unique=True, min_size=1)
        .flatmap(lambda names: st.tuples(*(_annotation(pictures / name, SHAPES[name]) for name in names)))
        .map(list)
    )


@st.composite
def _annotation(draw, path, shape):
    boxes, count = [], draw(st.integers(0, 4))
    for _ in range(count):
        y1, x1 = (draw(st.integers(0, size - 1)) for size in shape)
        boxes.append((y1, x1, draw(st.integers(y1 + 1, shape[0])), draw(st.integers(x1 + 1, shape[1]))))
    flags = st.lists(st.booleans(), min_size=count, max_size=count)
    return ImageAnnotation(
        path, shape, boxes, draw(st.lists(NAMES, min_size=count, max_size=count)), draw(flags), draw(flags)
    )


@pytest.fixture(scope="session")
def assert_same():
    """Callable (found, expected, flags=True): the same images, sizes, boxes, classes and flags, in this order."""

    def check(found, expected, flags=True):
        assert [a.image.resolve() for a in found] == [a.image.resolve() for a in expected]
        for a, b in zip(found, expected):
            assert (a.image_shape, a.boxes.tolist(), a.class_names) == (b.image_shape, b.boxes.tolist(), b.class_names)
            assert a.boxes.dtype == np.int32
            if flags:
                assert (a.difficult.tolist(), a.truncated.tolist()) == (b.difficult.tolist(), b.truncated.tolist())

    return check
