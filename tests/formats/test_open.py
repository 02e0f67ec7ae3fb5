import json

import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.open import FORMATS, find_format, format_of_folder, read_annotations


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
        ({"a": 1}, "from neither COCO nor Label Studio nor"),
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


@pytest.mark.parametrize("name", [name for name in FORMATS if hasattr(FORMATS[name], "write")])
def test_an_image_is_not_written_twice(tmp_path, pictures, annotation, name):
    options = {} if name in ("labelimg", "yolo") else {"images": pictures}
    with pytest.raises(DataError, match="is for the image .*a.png, which is already listed"):
        FORMATS[name].write(tmp_path / "x", iter([annotation, annotation]), **options)
    assert list(tmp_path.iterdir()) == []


def test_what_a_file_holds_decides_not_its_name(tmp_path, pictures):
    """A folder of XML of a microscope is none of annotations, and `annotations.xml` of CVAT is not LabelImg's."""
    (tmp_path / "scan_properties.xml").write_text('<?xml version="1.0"?><Data><Image/></Data>')
    (tmp_path / "a.txt").write_text("exposure 5 ms")
    assert format_of_folder(tmp_path) is None
    project = tmp_path / "annotations.xml"
    project.write_text('<annotations><image id="0" name="a.png" width="60" height="40"/></annotations>')
    assert find_format(tmp_path) == find_format(project) == ("cvat", project)
    assert [a.image.name for a in read_annotations(tmp_path, pictures)] == ["a.png"]
    (tmp_path / "second.xml").write_text("<annotations/>")
    with pytest.raises(DataError, match="holds several annotation files .annotations.xml, second.xml"):
        find_format(tmp_path)
    (tmp_path / "broken.xml").write_text("<annot")  # whatever it was, it is not passed over
    assert find_format(tmp_path / "broken.xml")[0] == "labelimg"


def test_projects_of_via_3_are_told_what_to_export(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"project": {}, "attribute": {}, "view": {}, "metadata": {}}))
    with pytest.raises(DataError, match="is a project of VIA 3. Export it from VIA as CSV"):
        find_format(tmp_path / "a.json")
