import json

import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.open import FORMATS, find_format, read_annotations


@pytest.fixture
def annotation(pictures):
    return ImageAnnotation(pictures / "a.png", (40, 60), [(2, 1, 12, 11)], ["Nucleoli"])


@pytest.mark.parametrize(
    "name, place, options",
    [
        ("labelimg", ".", {}),
        ("labelimg", "Annotations", {}),
        ("labelimg", "a.xml", {}),
        ("keras-frcnn", "annot.txt", {}),
        ("keras-frcnn", "annot.csv", {}),
        ("yolo", ".", {"images_without_labels": "background"}),
        ("yolo", "labels", {"images_without_labels": "background"}),
        ("coco", "x.json", {}),
        ("via", "x.json", {}),
    ],
)
def test_every_format_is_found_and_read(tmp_path, pictures, annotation, name, place, options):
    folder = tmp_path / place if place in ("Annotations", "labels") else tmp_path
    if name in ("labelimg", "yolo"):
        FORMATS[name].write(folder, [annotation])
    else:
        FORMATS[name].write(tmp_path / place, [annotation], pictures)
    named = tmp_path / place if place not in ("Annotations", "labels") else tmp_path  # found one folder below
    assert find_format(named)[0] == name
    for chosen, path in ((None, named), (name, find_format(named)[1])):
        found = read_annotations(path, pictures, classes=["Nucleoli"], annotation_format=chosen, **options)
        boxes = [(a.image.name, a.boxes.tolist(), a.class_names) for a in found if len(a)]
        assert boxes == [("a.png", [[2, 1, 12, 11]], ["Nucleoli"])]


def test_what_is_not_known_is_refused(tmp_path, annotation):
    def refused(message, path):
        with pytest.raises(DataError, match=message):
            find_format(path)

    refused("does not exist", tmp_path / "nothing")
    refused("holds no annotations in a known format. Supported formats", tmp_path)
    (tmp_path / "a.doc").touch()
    refused("is not a known annotation file. Supported formats", tmp_path / "a.doc")
    for content, message in (
        ({"shapes": []}, "is a labelme file"),
        ({"a": 1}, "from neither COCO nor"),
        ([], "neither"),
        ([{"image_id": 1, "bbox": []}], "is a list of COCO results"),
    ):
        (tmp_path / "a.json").write_text(json.dumps(content))
        refused(message, tmp_path / "a.json")
    FORMATS["labelimg"].write(tmp_path, [annotation])
    FORMATS["yolo"].write(tmp_path, [annotation])
    refused("holds both a.xml and a.txt", tmp_path)


def test_options_of_another_format_are_refused(tmp_path, annotation):
    FORMATS["labelimg"].write(tmp_path, [annotation])
    with pytest.raises(
        ConfigError, match="format labelimg, which has no option attribute. Its options are: images, classes"
    ):
        read_annotations(tmp_path, attribute="class")
    with pytest.raises(ConfigError, match="There is no format 'voc'. Available formats: labelimg"):
        read_annotations(tmp_path, annotation_format="voc")


@pytest.mark.parametrize("name", FORMATS)
def test_an_image_is_not_written_twice(tmp_path, pictures, annotation, name):
    options = {} if name in ("labelimg", "yolo") else {"images": pictures}
    with pytest.raises(DataError, match="is for the image .*a.png, which is already listed"):
        FORMATS[name].write(tmp_path / "x", iter([annotation, annotation]), **options)
    assert list(tmp_path.iterdir()) == []
