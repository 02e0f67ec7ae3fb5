"""Scripts in the style of Matterport's samples and notebooks run unchanged and produce the same kind of results.

They use only the old names. Each runs in a separate process, from its own folder.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import imageio.v3 as iio
import numpy as np
import pytest

HERE = Path(__file__).parent


pytestmark = pytest.mark.long  # all follow the training of shapes

# Scripts of one sample run one after the other in one process, as cells do, because importing the framework is slow.
FOLLOW = """
import json, runpy, sys
calls, script = json.loads(sys.argv[1]), sys.argv[2]
for arguments in calls:
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")
"""


def run(script, *calls):
    """The output of a script that is called once or several times; if it fails, the test shows its error message."""
    calls = [[str(argument) for argument in call] for call in calls]
    command = [sys.executable, "-c", FOLLOW, json.dumps(calls), f"{script}.py"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-1000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def number_after(text, said):
    """The number that follows `text` in the output of a script."""
    return float(re.search(re.escape(text) + r"\s*(-?[\d.]+)", said)[1])


def checkpoints(logs, name):
    """Names of the numbered checkpoints of the only run with this name."""
    (folder,) = (p for p in Path(logs).iterdir() if re.fullmatch(name + r"\d{8}T\d{4}", p.name))
    return sorted(p.name for p in folder.glob("mask_rcnn_*.h5"))


def has_a_drawing(path):
    return iio.imread(path).std() > 5


@pytest.fixture(scope="session")
def shapes_run(tmp_path_factory):
    """Folder and output of the shapes script; its weights replace the COCO weights in the other scripts."""
    logs = tmp_path_factory.mktemp("shapes")
    return logs, run("shapes", [logs, 80, 3])


@pytest.fixture
def logs(shapes_run, tmp_path):
    """A folder for logs that contains mask_rcnn_coco.h5."""
    (tmp_path / "mask_rcnn_coco.h5").symlink_to(shapes_run[0] / "mask_rcnn_shapes.h5")
    return tmp_path


def test_shapes_trains_in_two_stages_finds_its_weights_and_detects(shapes_run):
    logs, said = shapes_run
    assert checkpoints(logs, "shapes") == ["mask_rcnn_shapes_0002.h5", "mask_rcnn_shapes_0003.h5"]
    assert "These weights are of epoch 3" in said
    assert re.search(r"original_image +shape: \(64, 64, 3\) +min: +[\d.]+ +max: +[\d.]+ +uint8", said)
    assert re.search(r"gt_mask +shape: \(64, 64, \d\) .*bool", said)
    assert "Processing 1 images" in said
    assert re.search(r"NUM_CLASSES +4\n", said)
    assert 0.5 < number_after("mAP: ", said) <= 1
    assert has_a_drawing(logs / "detected.png")


def test_weights_saved_from_the_notebook_have_the_layout_of_keras_2(shapes_run):
    with h5py.File(shapes_run[0] / "mask_rcnn_shapes.h5", "r") as file:
        names = [n.decode() for n in file.attrs["layer_names"]]
        assert {"conv1", "bn_conv1", "fpn_c5p5", "rpn_model", "mrcnn_class_logits", "mrcnn_mask"} <= set(names)
        assert [n.decode() for n in file["conv1"].attrs["weight_names"]] == ["conv1/kernel:0", "conv1/bias:0"]
        assert file["conv1/conv1/kernel:0"].shape == (3, 3, 3, 8)


def test_balloons_are_learned_from_via_polygons_and_splashed(balloon_folder, logs):
    image_path = balloon_folder / "val" / "party_0.png"
    said = run(
        "balloon",
        ["train", "--dataset", balloon_folder, "--weights", "coco", "--logs", logs],
        ["splash", "--weights", "last", "--logs", logs, "--image", image_path],
    )
    assert "Balloon images: 5 and 2" in said
    assert checkpoints(logs, "balloon") == ["mask_rcnn_balloon_0001.h5"]
    (splash,) = logs.glob("splash_*.png")
    image, original = iio.imread(splash), iio.imread(image_path)
    assert image.shape == original.shape
    grey = (image == image[..., :1]).all(axis=2)
    assert np.array_equal(image[~grey], original[~grey])
    assert grey.any()
    (found,) = re.findall(r"^(\d+) balloons$", said, re.MULTILINE)
    assert (~grey).any() == (int(found) > 0)


def test_nuclei_are_learned_from_crops_and_submitted_as_run_lengths(nucleus_folder, logs):
    everywhere = ["--dataset", nucleus_folder, "--logs", logs]
    run(
        "nucleus",
        ["train", *everywhere, "--subset", "train", "--weights", logs / "mask_rcnn_coco.h5"],
        ["detect", *everywhere, "--subset", "stage1_test", "--weights", "last"],
    )
    assert checkpoints(logs, "nucleus") == ["mask_rcnn_nucleus_0001.h5", "mask_rcnn_nucleus_0002.h5"]
    (folder,) = (logs / "results" / "nucleus").iterdir()
    assert all(has_a_drawing(folder / f"nuc_{i}.png") for i in range(2))
    header, *rows = (folder / "submit.csv").read_text().splitlines()
    assert header == "ImageId,EncodedPixels"
    assert {row.split(",")[0] for row in rows} == {"nuc_0", "nuc_1"}
    for name, pixels in (("nuc_0", 64 * 64), ("nuc_1", 64 * 80)):
        taken = np.zeros(pixels, int)
        for row in rows:
            runs = np.array(row.split(",")[1].split(), int).reshape(-1, 2) if row.startswith(name) else []
            for start, length in runs:
                taken[start - 1 : start - 1 + length] += 1
        assert taken.max() <= 1  # no pixel belongs to two nuclei
        assert taken.sum() <= pixels


def test_coco_is_trained_on_and_evaluated_with_the_official_tools(coco_folder, logs):
    everywhere = ["--dataset", coco_folder, "--logs", logs]
    said = run(
        "coco",
        ["train", *everywhere, "--model", logs / "mask_rcnn_coco.h5"],
        ["evaluate", *everywhere, "--model", "last", "--limit", 6],
    )
    assert checkpoints(logs, "coco") == ["mask_rcnn_coco_0001.h5", "mask_rcnn_coco_0002.h5"]
    assert said.count("Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]") == 2
    assert number_after("AP@50 of bbox:", said) > 0.1
    assert number_after("AP@50 of segm:", said) > 0.1


def test_voc_boxes_are_learned_as_masks(voc_folder, logs):
    said = run("voc", [voc_folder, logs / "mask_rcnn_coco.h5", logs])
    assert "Train: 4" in said and "Test: 2" in said
    assert all(0 <= number_after(f"{part} mAP:", said) <= 1 for part in ("Train", "Test"))
    # The boxes that extract_bboxes finds in the filled rectangles are the boxes of the file
    written = re.findall(r"<(?:xmin|ymin|xmax|ymax)>([\d.]+)<", (voc_folder / "Annotations/00000.xml").read_text())
    drawn = [n for line in re.findall(r"^box (.*)$", said, re.MULTILINE) for n in line.split()]
    assert [int(n) for n in drawn] == [int(float(n)) for n in written]
    assert has_a_drawing(logs / "actual_vs_predicted.png")
    # Keras callbacks and the history use the original names of the losses
    assert 0 < number_after("Best Epoch: ", said) <= 2
    losses = ["loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"]
    header, *epochs = (logs / "voc.csv").read_text().split()
    assert len(epochs) == 2
    assert {*losses, *(f"val_{name}" for name in losses)} <= set(header.split(","))


def test_cells_of_inspect_data(balloon_folder, tmp_path):
    said = run("inspect_data", [balloon_folder, tmp_path])
    assert "Image Count: 5" in said
    assert re.search(r"Count: +1023\n", said)  # 3 * (16**2 + 8**2 + 4**2 + 2**2 + 1)
    for name, shape in (
        ("rois", "(4, 20, 4)"),
        ("mrcnn_class_ids", "(4, 20, 1)"),
        ("mrcnn_bbox", "(4, 20, 2, 4)"),
        ("mrcnn_mask", "(4, 20, 14, 14, 2)"),
        ("gt_masks", "(4, 28, 28, 100)"),
        ("rpn_match", "(4, 1023, 1)"),
        ("rpn_bbox", "(4, 64, 4)"),
    ):
        assert re.search(rf"^{name} +shape: {re.escape(shape)}", said, re.MULTILINE), name
    positive, negative, neutral = (
        number_after(f"{kind} anchors: ", said) for kind in ("Positive", "Negative", "Neutral")
    )
    assert positive > 0
    assert (positive + negative, positive + negative + neutral) == (64, 1023)
    assert 0 < number_after("Average percent: ", said) <= 0.34  # ROI_POSITIVE_RATIO
    assert "Order:  [0, 1, 2, 3, 4]" in said
    figures = list(tmp_path.glob("*.png"))
    assert len(figures) == 9 and all(has_a_drawing(p) for p in figures)


def test_cells_of_inspect_model(coco_folder, shapes_run, tmp_path):
    logs, figures = tmp_path / "logs", tmp_path / "figures"
    figures.mkdir()
    said = run("inspect_model", [coco_folder, shapes_run[0] / "mask_rcnn_shapes.h5", logs, figures])
    for claim in (
        "detect_molded agrees",
        "Best anchors first",
        "Proposals are what NMS kept",
        "Same proposals from the molded image",
    ):
        assert f"{claim}:  True" in said, claim
    assert 0 <= number_after("Mean AP over 3 images: ", said) <= 1
    assert re.search(r"target_rpn_match +shape: \(1023,\)", said)
    recalls = [float(n) for n in re.findall(r"Recall: ([\d.]+)", said)]
    assert len(recalls) == 3 and all(0 <= n <= 1 for n in recalls)
    # Filtering by hand, in whole pixels as in the notebook, gives the same result as the filter of the network
    (found,) = re.findall(r"^(\d+) detections:", said, re.MULTILINE)
    assert int(found) > 0
    assert abs(number_after("Kept after per-class NMS: ", said) - int(found)) <= 1
    assert len(list(figures.glob("*.png"))) == 17 and all(has_a_drawing(p) for p in figures.glob("*.png"))
