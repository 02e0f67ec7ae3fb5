"""An image that cannot be used is skipped; a bug raises."""

import logging

import pytest

from mrcnn import model as modellib
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.errors import DataError
from mrcnn.legacy import imagenet


def shapes(error, broken):
    class Broken(ShapesDataset):
        def load_image(self, image_id):
            if image_id in broken:
                raise error
            return super().load_image(image_id)

    dataset = Broken()
    dataset.load_shapes(9, 64, 64, 0)
    dataset.prepare()
    return dataset


@pytest.mark.parametrize(
    "error", [DataError("a.tif", "is cut off", "Copy it again"), ValueError("not an image"), EOFError("too short")]
)
def test_a_damaged_image_is_skipped(config, caplog, error):
    with caplog.at_level(logging.ERROR):
        inputs, _ = next(modellib.data_generator(shapes(error, {0, 1}), config(), shuffle=False))
    assert inputs[1][0, 0] == 2 and caplog.text.count("is skipped") == 2


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("a"),
        NameError("b"),
        ImportError("c"),
        TypeError("d"),
        NotImplementedError("e"),
        RecursionError("f"),
    ],
)
def test_a_bug_raises_at_the_first_image(config, error):
    with pytest.raises(type(error)) as caught:
        next(modellib.data_generator(shapes(error, {0}), config(), shuffle=False))
    assert caught.value is error


def test_a_bug_is_not_a_failed_download(monkeypatch, tmp_path):
    error = TypeError("get_file() got an unexpected keyword argument")

    def get_file(*_, **__):
        raise error

    monkeypatch.setattr(imagenet.keras.utils, "get_file", get_file)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(TypeError) as caught:
        imagenet.imagenet_weights("resnet50")
    assert caught.value is error
