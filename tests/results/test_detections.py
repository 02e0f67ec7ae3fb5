import numpy as np
import pytest

from mrcnn.geometry.instances import Instances
from mrcnn.results.detections import COLUMNS, coco_results, detection_rows

NAMES = ("BG", "Nucleoli", "Not Nucleoli")


@pytest.fixture
def found():
    masks = [np.ones((3, 4), bool), np.eye(2, dtype=bool)]
    return Instances((9, 12), [[1, 2, 4, 6], [7, 10, 9, 12]], [2, 1], [0.5, 0.75], masks)


def test_rows_have_the_highest_score_first_and_upper_ends_exclusive(found):
    rows = detection_rows(found, "a.png", NAMES)
    assert [tuple(row) for row in rows] == [COLUMNS] * 2
    assert [tuple(row.values()) for row in rows] == [
        ("a.png", "Nucleoli", 0.75, 10, 7, 12, 9),
        ("a.png", "Not Nucleoli", 0.5, 2, 1, 6, 4),
    ]
    assert detection_rows(Instances((9, 12)), "a.png", NAMES) == []


def test_pycocotools_reads_the_results(found):
    coco = pytest.importorskip("pycocotools.coco", exc_type=ModuleNotFoundError)
    from pycocotools import mask

    entries = coco_results(found, "a.png", 5, masks=True)
    assert "segmentation" not in coco_results(found, "a.png", 5)[0]
    truth = coco.COCO()
    truth.dataset = {"images": [{"id": 5}], "categories": [{"id": 1}, {"id": 2}], "annotations": []}
    truth.createIndex()
    read = truth.loadRes(entries)
    ids = read.getAnnIds(imgIds=[5], catIds=[2])
    assert [a["bbox"] for a in read.loadAnns(ids)] == [[2, 1, 4, 3]]
    decoded = [mask.decode(e["segmentation"]).astype(bool) for e in entries]
    np.testing.assert_array_equal(np.stack(decoded[::-1], axis=-1), found.to_masks())
