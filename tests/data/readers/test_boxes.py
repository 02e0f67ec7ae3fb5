import json
import pickle

import numpy as np
import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.dataset import validate_dataset
from mrcnn.data.prepared import PreparedDataset
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import coco, voc
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.segments import Polygons

TRIANGLE = Polygons([np.array([[2.0, 4], [2, 14], [12, 4]])])


@pytest.fixture
def annotations(tmp_path):
    """Two images: a box with an outline, and boxes with three labels, one of them difficult."""
    for name in ("a", "b"):
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / f"{name}.png")
    return [
        ImageAnnotation(tmp_path / "a.png", (20, 30), [(2, 4, 12, 14)], ["nucleoli"], segments=[TRIANGLE]),
        ImageAnnotation(
            tmp_path / "b.png",
            (20, 30),
            [(0, 0, 5, 6), (1, 2, 20, 30), (3, 3, 4, 4)],
            ["speckles", "none", "nucleoli"],
            [0, 1, 0],
        ),
    ]


def test_boxes_are_masks_filled_and_outlines_are_masks(annotations):
    dataset = BoxDataset(annotations)
    assert dataset.class_names == ["BG", "none", "nucleoli", "speckles"]
    objects = dataset.load_instances(1)
    assert objects.boxes.tolist() == [[0, 0, 5, 6], [1, 2, 20, 30], [3, 3, 4, 4]]
    assert objects.class_ids.tolist() == [3, 1, 2] and all(m.all() for m in objects.masks)
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [2] and masks.shape == (20, 30, 1)
    np.testing.assert_array_equal(masks[..., 0], TRIANGLE.mask((20, 30)))
    assert 40 < masks.sum() < 60
    assert dataset.load_image(0).shape == (20, 30, 3) and dataset.image_shape(0) == (20, 30, 1)


def test_masks_are_real_only_where_all_objects_have_outlines(annotations):
    dataset = BoxDataset(annotations)
    assert [dataset.has_masks(i) for i in (0, 1)] == [True, False]
    assert not dataset.subset([1]).has_masks(0) and not PreparedDataset(dataset, downscale=2).has_masks(1)
    assert BoxDataset(annotations, boxes_as_masks=True).has_masks(1)
    # An image without objects has no mask that is not real.
    left_out = BoxDataset(annotations, class_map={"nucleoli": "n", "speckles": None, "none": None})
    assert left_out.has_masks(0) and not left_out.has_masks(1)
    assert BoxDataset([ImageAnnotation(annotations[0].image)], classes=["x"]).has_masks(0)


def test_crowds_have_class_ids_below_zero(annotations):
    annotations[1].crowd[0] = True
    dataset = BoxDataset(annotations, outlines=False)
    names = [dataset.class_names[abs(c)] for c in dataset.load_instances(1).class_ids]
    assert names == ["speckles", "none", "nucleoli"]
    assert (dataset.load_instances(1).class_ids < 0).tolist() == [True, False, False] and dataset.object_count(1) == 2
    assert (BoxDataset(annotations, difficult="drop").load_instances(1).class_ids < 0).tolist() == [True, False]
    validate_dataset(dataset, Config(NUM_CLASSES=4))


def test_labels_become_classes_by_a_table(annotations):
    table = {"nucleoli": "Nucleoli", "speckles": "Nucleoli", "none": "Not Nucleoli"}
    dataset = BoxDataset(annotations, class_map=table)
    assert dataset.class_names == ["BG", "Nucleoli", "Not Nucleoli"]
    assert dataset.load_instances(1).class_ids.tolist() == [1, 2, 1]
    given = BoxDataset(annotations, classes=["other", "Not Nucleoli", "Nucleoli"], class_map=table)
    assert given.load_instances(1).class_ids.tolist() == [3, 2, 3]
    dropped = BoxDataset(annotations, class_map={**table, "speckles": None}, difficult="drop")
    assert dropped.load_instances(1).boxes.tolist() == [[3, 3, 4, 4]] and dropped.object_count(1) == 1
    assert dataset.object_count(1) == 3


def test_any_format_is_read(annotations, tmp_path):
    voc.write(tmp_path, annotations)
    dataset = BoxDataset(tmp_path)
    assert dataset.num_images == 2 and [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert [dataset.has_masks(i) for i in (0, 1)] == [False, False]
    coco.write(tmp_path / "coco.json", annotations)
    with_masks = BoxDataset(tmp_path / "coco.json", classes=["speckles", "none", "nucleoli"])
    assert with_masks.has_masks(0) and with_masks.load_instances(1).class_ids.tolist() == [1, 2, 3]
    assert len(pickle.loads(pickle.dumps(with_masks)).load_instances(0)) == 1


def test_images_of_one_name_in_two_folders_are_told_apart(tmp_path):
    found = []
    for i, folder in enumerate(("x", "y")):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / folder / "a.png")
        found.append(ImageAnnotation(tmp_path / folder / "a.png", None, [(i, 0, 3, 3)], ["c"]))
    dataset = BoxDataset(found)
    assert [dataset.load_instances(i).boxes[0, 0] for i in (0, 1)] == [0, 1]
    assert len({info["id"] for info in dataset.image_info}) == len({dataset.group(0), dataset.group(1)}) == 2


def test_an_outline_without_a_pixel_leaves_the_box(annotations):
    annotations[0].segments = [Polygons([np.array([[2.0, 4], [2.1, 4], [2.1, 4.1]])])]
    objects = BoxDataset(annotations).load_instances(0)
    assert objects.boxes.tolist() == [[2, 4, 12, 14]] and objects.masks[0].all()


def test_what_does_not_fit_is_named(annotations, tmp_path):
    def refused(message, *changed, error=DataError, **options):
        with pytest.raises(error, match=message):
            BoxDataset(list(changed or annotations), **options).load_instances(0)

    refused("b.png, object 2: has the class 'none', which is not in the list", classes=["nucleoli", "speckles"])
    refused("is for the image .*a.png, which is already listed", annotations[0], annotations[0])
    refused("is for the image .*c.png, which does not exist", ImageAnnotation(tmp_path / "c.png"), classes="x")
    refused(
        "states that .*a.png has 30 rows and 20 columns, but it has 20 and 30",
        ImageAnnotation(tmp_path / "a.png", (30, 20), [(0, 0, 1, 1)], ["x"]),
    )
    refused(
        "a.png, object 1: has a box .* partly outside",
        ImageAnnotation(tmp_path / "a.png", None, [(0, 0, 21, 1)], ["x"]),
    )
    refused("annotations: has no object in any of its 1 images", ImageAnnotation(tmp_path / "a.png"))
    refused(
        "contains the class 'z', which is not in the list", error=ConfigError, classes=["a"], class_map={"none": "z"}
    )
    refused("must name at least one class", error=ConfigError, class_map={"none": None})
    refused("classes must be distinct class names", error=ConfigError, classes=["a", "a"])
    refused("difficult must be one of", error=ConfigError, difficult="maybe")
    refused("outside must be", error=ConfigError, outside="maybe")


def test_a_class_that_the_table_lacks_is_named_with_its_line(tmp_path, annotations):
    (tmp_path / "via.json").write_text(
        json.dumps(
            {
                "a": {
                    "filename": "a.png",
                    "regions": [
                        {
                            "shape_attributes": {"name": "rect", "x": 0, "y": 0, "width": 3, "height": 3},
                            "region_attributes": {"cell": "dust"},
                        }
                    ],
                }
            }
        )
    )
    with pytest.raises(DataError, match="via.json, a.png, region 1: has the class 'dust'"):
        BoxDataset(tmp_path / "via.json", class_map={"nucleoli": "x"})
    assert BoxDataset(tmp_path / "via.json", class_map={"dust": "x"}, attribute="cell").object_count(0) == 1


def test_real_blood_cells(real_data):
    from mrcnn.config import Config

    dataset = BoxDataset(real_data / "bccd")
    assert dataset.class_names == ["BG", "Platelets", "RBC", "WBC"] and dataset.num_images == 200
    validate_dataset(dataset, Config(NUM_CLASSES=4, NAME="cells"))
    assert sum(dataset.object_count(i) for i in dataset.image_ids) == 2669
    objects = dataset.load_instances(0)
    assert objects.image_shape == dataset.load_image(0).shape[:2] == (480, 640) and not dataset.has_masks(0)
    assert objects.areas().tolist() == np.prod(objects.boxes[:, 2:] - objects.boxes[:, :2], axis=1).tolist()


def test_outlines_need_not_be_decoded(annotations):
    dataset = BoxDataset(annotations, outlines=False)
    found = dataset.load_instances(0)
    assert found.boxes.tolist() == annotations[0].boxes.tolist() and found.masks[0].all()
    assert not dataset.has_masks(0) and BoxDataset(annotations, outlines=False, boxes_as_masks=True).has_masks(0)
