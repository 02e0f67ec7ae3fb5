"""`mrcnn wafer swap`: tissue and magnet change places, everything else stays."""

import json

import numpy as np
import pytest

from mrcnn.__main__ import main
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.labels.read import read_labelme, read_labels
from mrcnn.domains.wafer.labels.write import write_labelme
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset, write_patch

TISSUE = np.array([(2.5, 3), (2.5, 30), (12, 30), (12, 3)])
MAGNET = np.array([(14.0, 3), (14.0, 30), (20, 30), (20, 3)])
ENVELOPE = np.array([(1.0, 1), (1.0, 33), (24, 33), (24, 1)])


def check_exchanged(before, after):
    assert [s.number for s in after.sections] == [s.number for s in before.sections]
    for own, new in zip(before.swapped().sections, after.sections):
        for part in ("tissue", "magnet", "envelope"):
            np.testing.assert_equal(getattr(new, part), getattr(own, part))
    np.testing.assert_equal(after.background, before.background)


def test_parts_named_by_their_labels(tmp_path, capsys):
    sections = [Section(3, TISSUE, MAGNET, ENVELOPE), Section(8, None, MAGNET + 40), Section(9, TISSUE + 40)]
    write_labelme(tmp_path / "a.json", WaferLabels(sections, ENVELOPE + 100, (200, 200)), tmp_path / "wafer.tif")
    content = json.loads((tmp_path / "a.json").read_text())
    content["flags"] = {"proofread": True}
    content["shapes"][0]["description"] = "torn"
    content["shapes"].append({**content["shapes"][0], "label": "dummy-3", "group_id": 7})
    content["shapes"].append({**content["shapes"][0], "label": "Mag", "group_id": 12})
    (tmp_path / "a.json").write_text(json.dumps(content))
    (tmp_path / "new").mkdir()
    out = tmp_path / "new" / "b.json"
    assert main(["wafer", "swap", str(tmp_path / "a.json"), "--out", str(out)]) == 0
    assert "4 sections" in capsys.readouterr().out
    new = json.loads(out.read_text())
    assert new["flags"] == {"proofread": True} and new["imagePath"] == "../wafer.tif"
    assert [(s["label"], s["group_id"]) for s in new["shapes"][-2:]] == [("dummy-3", 7), ("tissue", 12)]
    assert (new["shapes"][0]["label"], new["shapes"][0]["description"]) == ("magnet-3", "torn")
    check_exchanged(read_labelme(tmp_path / "a.json"), read_labelme(out))
    assert main(["wafer", "swap", str(out), "--out", str(tmp_path / "c.json")]) == 0
    check_exchanged(read_labelme(out), read_labelme(tmp_path / "c.json"))


@pytest.mark.parametrize("names", [("tissue", "mag", "envelope"), ("", "", ""), ("x", "x", "x")])
def test_parts_named_by_their_position(tmp_path, names):
    shapes = [
        {"label": name, "points": (polygon + offset)[:, ::-1].tolist(), "shape_type": "polygon", "flags": {}}
        for offset in (0, 40)
        for name, polygon in zip(names, (TISSUE, MAGNET, ENVELOPE))
    ]
    shapes.append({**shapes[0], "label": "background" if names[0] == "tissue" else names[0]})
    content = {"version": "3.6", "shapes": shapes, "imagePath": "wafer.tif", "imageData": None}
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert main(["wafer", "swap", str(tmp_path / "a.json"), "--out", str(tmp_path / "b.json")]) == 0
    new = json.loads((tmp_path / "b.json").read_text())
    assert [s["label"] for s in new["shapes"]] == [s["label"] for s in shapes]
    check_exchanged(read_labelme(tmp_path / "a.json"), read_labelme(tmp_path / "b.json"))


def test_corner_files(tmp_path):
    lines = {"tissue": "3,2\t30,2\t30,12\t3,12\n", "mag": "3,14\t30,14\t30,20\t3,20\n"}
    for name, text in lines.items():
        (tmp_path / f"wafer_{name}.txt").write_text(text)
    assert main(["wafer", "swap", str(tmp_path / "wafer_mag.txt"), "--out", str(tmp_path / "new")]) == 0
    check_exchanged(read_labels(tmp_path / "wafer_tissue.txt"), read_labels(tmp_path / "new"))


@pytest.mark.parametrize("names", [("tissue_masks", "magnetic_masks"), ("tissue", "mag"), ("Tissue", None)])
def test_folders_of_patches(tmp_path, names):
    labels = WaferLabels([Section(1, TISSUE, MAGNET)], None, (40, 50))
    image = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    for name in ("train/p1", "train/p2"):
        write_patch(tmp_path / "a" / "train", name[-2:], {"grey": image}, labels.instances())
        for old, new in zip(("tissue_masks", "magnetic_masks"), names):
            if new is None:
                for path in (tmp_path / "a" / name / old).iterdir():
                    path.unlink()
                (tmp_path / "a" / name / old).rmdir()
            else:
                (tmp_path / "a" / name / old).rename(tmp_path / "a" / name / new)
    assert main(["wafer", "swap", str(tmp_path / "a"), "--out", str(tmp_path / "b")]) == 0
    before, after = (PatchFolderDataset(tmp_path / name, ("grey",)) for name in "ab")
    assert len(after.image_ids) == 2
    for image_id in before.image_ids:
        own, new = before.load_instances(image_id), after.load_instances(image_id)
        for class_id in (1, 2):
            np.testing.assert_array_equal(
                new.select(new.class_ids == class_id).to_masks(), own.select(own.class_ids == 3 - class_id).to_masks()
            )
        np.testing.assert_array_equal(before.load_image(image_id), after.load_image(image_id))


def test_nothing_is_replaced_and_what_is_no_label_is_named(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.json").write_text("{}")
    write_labelme(tmp_path / "c.json", WaferLabels([Section(1, TISSUE, MAGNET)], None, (40, 50)), "wafer.tif")
    for words, problem in (
        (("c.json", "a.json"), "a.json: already exists"),
        (("c.json", "c.json"), "c.json: already exists"),
        (("a.json", "b.json"), "a.json"),
        (("empty", "b"), "contains no patch"),
        (("x_tissue.txt", "b"), "neither labelme JSON nor a corner file"),
    ):
        assert main(["wafer", "swap", str(tmp_path / words[0]), "--out", str(tmp_path / words[1])]) == 2
        assert problem in capsys.readouterr().err
    assert (tmp_path / "a.json").read_text() == "{}" and not (tmp_path / "b.json").exists()


def test_patches_are_not_copied_into_themselves(tmp_path, capsys):
    labels = WaferLabels([Section(1, TISSUE, MAGNET)], None, (40, 50))
    write_patch(tmp_path / "a", "p1", {"grey": np.zeros((40, 50), np.uint8)}, labels.instances())
    assert main(["wafer", "swap", str(tmp_path / "a"), "--out", str(tmp_path / "a" / "new")]) == 2
    assert "Choose --out outside of it" in capsys.readouterr().err
