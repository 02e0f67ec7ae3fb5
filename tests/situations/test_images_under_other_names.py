"""Images are matched by name, spelling, and then by the name without its ending, in every format that stores names."""

import json
import unicodedata

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.domains.hpa.merge import write_merged
from mrcnn.errors import DataError
from mrcnn.formats import coco, keras_frcnn, via, voc, yolo
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.open import read_annotations

FORMATS = ("labelimg", "keras-frcnn", "yolo", "coco", "via", "via-csv", "cvat", "labelstudio")


def annotated(folder, kind, name, shape=(40, 60)):
    """A file (or folder) of this format with a box in an image of this name, which does not exist yet."""
    target, labels = folder / "labels", [ImageAnnotation(folder / name, shape, [(4, 3, 20, 33)], ["cell"])]
    target.mkdir(exist_ok=True)
    if kind == "labelimg":
        voc.write(target, labels)
        return target
    if kind == "yolo":
        yolo.write(target, labels)
        return target
    if kind in ("keras-frcnn", "coco", "via"):
        path = folder / {"keras-frcnn": "annot.txt", "coco": "coco.json", "via": "via.json"}[kind]
        {"keras-frcnn": keras_frcnn, "coco": coco, "via": via}[kind].write(path, labels, folder)
        return path
    rect = {"name": "rect", "x": 3, "y": 4, "width": 30, "height": 16}
    if kind == "via-csv":
        path, cells = folder / "via.csv", [json.dumps(rect), json.dumps({"class": "cell"})]
        quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
        path.write_text(
            "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
            f'"{name}",9,"{{}}",1,0,{quoted}\n'
        )
    elif kind == "cvat":
        path = folder / "annotations.xml"
        path.write_text(
            f'<annotations><version>1.1</version><image id="0" name="{name}" width="{shape[1]}" height="{shape[0]}">'
            '<box label="cell" xtl="3" ytl="4" xbr="33" ybr="20"/></image></annotations>',
            encoding="utf-8",
        )
    else:
        path = folder / "tasks.json"
        value = {"x": 5, "y": 10, "width": 50, "height": 40, "rotation": 0, "rectanglelabels": ["cell"]}
        result = {"original_width": shape[1], "original_height": shape[0], "type": "rectanglelabels", "value": value}
        task = {"id": 1, "data": {"image": f"/data/upload/1/{name}"}, "annotations": [{"result": [result]}]}
        path.write_text(json.dumps([task]))
    return path


def read(path, folder):
    return BoxDataset(path, images=folder)


@pytest.mark.parametrize("kind", FORMATS)
def test_boxes_drawn_on_png_and_images_with_four_channels_in_tiff(tmp_path, kind):
    """As the cells' README says: boxes are drawn on <id>.png, and four channels are written as <id>.tif."""
    path = annotated(tmp_path, kind, "field.one.png")
    write_merged(tmp_path / "field.one.tif", np.zeros((40, 60, 4), np.uint8))
    (tmp_path / "field.one.md").write_text("notes")
    dataset = read(path, tmp_path)
    assert dataset.image_info[0]["path"] == tmp_path / "field.one.tif"
    assert dataset.load_instances(0).boxes.tolist() == [[4, 3, 20, 33]] and dataset.load_image(0).shape[:2] == (40, 60)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name, stored", [("Zelle_A.PNG", "zelle_a.png"), ("Zäh.png", "NFD"), ("zäh.PNG", "NFD")])
def test_case_and_unicode_form_of_a_name(tmp_path, kind, name, stored):
    stored = unicodedata.normalize("NFD", "Zäh.png") if stored == "NFD" else stored
    path = annotated(tmp_path, kind, unicodedata.normalize("NFC", name))
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / stored)
    assert read(path, tmp_path).image_info[0]["path"].name == stored


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "yolo"])  # which has only the stem
def test_the_very_name_wins_and_two_that_could_be_meant_are_refused(tmp_path, kind):
    path = annotated(tmp_path, kind, "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 60), np.uint8))
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "a.bmp")
    with pytest.raises(DataError, match=r"is for the image a\.png, which does not exist, but a\.bmp, a\.tif have its"):
        read(path, tmp_path)
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "a.png")
    assert read(path, tmp_path).image_info[0]["path"].name == "a.png"


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "yolo"])
def test_an_image_of_a_different_size_is_not_taken_for_it(tmp_path, kind):
    path = annotated(tmp_path, kind, "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((80, 120), np.uint8))
    dataset = read(path, tmp_path)
    if dataset.image_info[0]["annotation"].image_shape == (40, 60):  # the others do not state a size
        with pytest.raises(DataError, match="has 40 rows and 60 columns, but it has 80 and 120"):
            dataset.load_instances(0)


def test_two_names_are_not_taken_for_one_image(tmp_path):
    (tmp_path / "annot.csv").write_text("a.png,1,2,9,8,cell\na.jpg,3,3,8,8,cell\n")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 60), np.uint8))
    with pytest.raises(
        DataError, match=r"names the image a\.jpg, which does not exist; .*a\.tif is the image of a\.png"
    ):
        read_annotations(tmp_path / "annot.csv")


def test_paths_of_another_computer_are_read_from_the_folder_that_the_user_gives(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(folder / "a.png")
    for name in ("/home/anna/data/a.png", "C:\\Users\\anna\\a.png", "../../elsewhere/a.png", "train2017/a.jpg"):
        path = tmp_path / "annot.csv"
        path.write_text(f'"{name}",1,2,9,8,cell\n')
        assert read_annotations(path, images=folder)[0].image == folder / "a.png"
        if name != "train2017/a.jpg":
            with pytest.raises(
                DataError, match=r"outside the data folder .* pass the folder that holds a\.png as images="
            ):
                read_annotations(path)
    for name in ("/etc/passwd", "../annot.csv", "\0", "..", "x" * 5000, "/".join(["x" * 200] * 30)):
        path.write_text(f'"{name}",1,2,9,8,cell\n')
        with pytest.raises(DataError) as caught:
            read_annotations(path, images=folder)
        assert len(str(caught.value)) < 600
