"""Synthetic fields as files: the readers return what was drawn."""

import numpy as np
import pytest

from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.domains.hpa.fields import find_fields, read_field
from mrcnn.domains.hpa.synthetic.cells import CLASSES, SyntheticCells
from mrcnn.domains.hpa.synthetic.folders import write_cell_folder
from mrcnn.errors import DataError
from mrcnn.formats import voc


@pytest.mark.parametrize("bits", [8, 16])
def test_the_readers_return_the_fields(tmp_path, bits):
    fields = SyntheticCells(2, (96, 128), seed=4, cells=(2, 4), nucleus_px=(24, 40), bits=bits)
    written = write_cell_folder(fields, tmp_path)
    boxes = BoxDataset(tmp_path / "annotations", classes=CLASSES)
    masks = BoxDataset(tmp_path / "instances.json", classes=CLASSES)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["annotations", "channels", "images", "instances.json"]
    for image_id, field in enumerate(find_fields(tmp_path / "channels")):
        np.testing.assert_array_equal(read_field(field), fields.load_stains(image_id))
        truth = fields.load_instances(image_id)
        assert len(truth) and not boxes.has_masks(image_id) and masks.has_masks(image_id)
        for dataset in (boxes, masks):
            found = dataset.load_instances(image_id)
            np.testing.assert_array_equal(dataset.load_image(image_id), fields.load_image(image_id))
            np.testing.assert_array_equal(found.boxes, truth.boxes)
            np.testing.assert_array_equal(found.class_ids, truth.class_ids)
        np.testing.assert_array_equal(masks.load_mask(image_id)[0], fields.load_mask(image_id)[0])
    again = voc.read(tmp_path / "annotations")
    for a, b, truth in zip(written, again, map(fields.load_instances, (0, 1))):
        np.testing.assert_array_equal(a.truncated, b.truncated)
        inside = (truth.boxes > 0).all(axis=1) & (truth.boxes[:, 2] < 96) & (truth.boxes[:, 3] < 128)
        np.testing.assert_array_equal(a.truncated, ~inside)


def test_a_subset_of_fields_and_an_unwritable_folder(tmp_path):
    fields = SyntheticCells(3, (96, 96), seed=4, cells=(1, 2), nucleus_px=(24, 40))
    assert [a.image.stem for a in write_cell_folder(fields, tmp_path / "part", [2])] == [fields.image_reference(2)]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        write_cell_folder(fields, tmp_path / "file", [0])
