"""The notebooks: committed without outputs; run from top to bottom, show their pictures, write only where they say."""

import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
import tifffile
from nbclient import NotebookClient

import mrcnn
from mrcnn.data.readers.open import open_dataset
from mrcnn.data.split import split

ROOT = Path(__file__).resolve().parents[1]
# Least number of pictures that each must show, and what its text must say.
EXPECTED = {
    "inspect_data": (
        22,
        [
            "Class Count: 2",
            "Objects without a positive anchor: 0",
            "Negative anchors: ",
            "Average share of positive ROIs: ",
        ],
    ),
    "inspect_model": (
        17,
        [
            "Mean AP over 6 images: ",
            "1023 boxes go into NMS, ",
            "Remove boxes below 0.5 confidence",
            "suppressed by proposal",
            "Missed in this image: ",
            "C5: 2 x 2, 192 channels",
        ],
    ),
    "inspect_weights": (
        5,
        [
            "135 arrays, 2,563,176 numbers",
            "dead?: 0 arrays",
            "stem: 24 filters of 5 x 5 pixels and 1 channels",
            "Before training: all parts and losses together have a gradient norm of ",
        ],
    ),
    "mitochondria_1_data": (
        12,
        [
            "RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)",
            "source images in both sets: 0",
            "slices left out between them: 0",
        ],
    ),
    "mitochondria_2_training": (6, ["Interrupted after 1 of 2 epochs", "Something to resume: True", "best.h5"]),
    "shapes_training": (8, ["Trained for", "2 epochs", "mask_rcnn_shapes_0002.h5", "mAP at IoU 0.5 on 6 images: "]),
    "wafer_1_data": (
        12,
        [
            "75 sections in wafer_labels.json",
            "no point is off by more than 0.17 pixels",
            "the brighter part in 75 of 75 sections\n",
            "in 0 of 75 sections: SWAPPED",
            "RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)",
        ],
    ),
    "wafer_2_training": (
        9,
        [
            "channels: 2, mean pixel: ",
            "Training 'heads' of mobilenet_v2 from epoch 0 to 1",
            "Training 'all' of mobilenet_v2 from epoch 1 to 2",
            "The run: wafer_notebook2",
            "The retrained run: wafer_notebook_new2",
        ],
    ),
    "wafer_3_whole_wafer": (
        9,
        [
            "The results below are from the stand-in",
            "are owned by no tile",
            "75 ground-truth sections: 73",
            "0 found twice, 2 missed",
            "sections_labelme.json",
        ],
    ),
    "hpa_1_data": (
        10,
        [
            "4 fields",
            "_yellow.png: is missing",
            "second call: 0 fields merged, 4 already existed",
            "Detected format: labelimg",
            "Did you mean 'Nucleoli'?",
            "outside the data folder",
            "declares a document type",
            "RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)",
        ],
    ),
    "hpa_2_training": (
        7,
        [
            "2 of 5 training fields have outlines.",
            "The run: hpa_notebook_faster2",
            "The run: hpa_notebook_mask2",
            "Training 'heads' of mobilenet_v2 from epoch 0 to 1",
        ],
    ),
    "hpa_3_comparison": (
        7,
        [
            "Faster R-CNN: hpa_notebook_faster2",
            "Mask R-CNN: hpa_notebook_mask2",
            "of 3 fields have no errors with either model.",
            "Exit code: 1 (1: some files failed",
            "found/parts/cells_000000.csv",
            "Exit code: 0, after",
        ],
    ),
    "mitochondria_4_unet": (
        10,
        ["Test: 2 ", "(4 steps): 2 ", "best.h5", "WatershedSettings(threshold=", "objects.tif"],
    ),
    "mitochondria_5_compare": (
        6,
        [
            "Choosing watershed settings on 1 validation ",
            "Mask R-CNN: notebook5_mask2",
            "2 images, 14 true objects",
            "12 true objects touch another one, 2 stand alone",
        ],
    ),
    "mitochondria_3_prediction": (8, ["pixel size (height, width) in nm: (12.0, 12.0)", "instances.csv"]),
}


def read(folder, name):
    return nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)


def files_of(folder):
    return {p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}


def outputs_of(notebook):
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


def test_every_notebook_is_tested():
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_committed_without_outputs(name):
    notebook = read(ROOT, name)
    nbformat.validate(notebook)
    assert not outputs_of(notebook)
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", EXPECTED)
def test_begins_with_what_it_shows_and_an_install_cell(name):
    first, second = read(ROOT, name).cells[:2]
    assert first.cell_type == "markdown" and first.source.startswith("# ") and "minute" in first.source
    assert second.cell_type == "code" and '"google.colab" in sys.modules' in second.source


@pytest.mark.parametrize("name", EXPECTED)
def test_no_line_of_code_is_wider_than_the_page(name):
    """Jupyter shows about 88 characters in a window of 1280 pixels; what is longer has to be scrolled to."""
    lines = (line for cell in read(ROOT, name).cells if cell.cell_type == "code" for line in cell.source.splitlines())
    assert [line for line in lines if len(line) > 88] == []


@pytest.mark.parametrize("name", ["mitochondria_1_data", "mitochondria_2_training"])
def test_a_stack_is_split_with_a_gap(name, tmp_path):
    """Neighbouring slices look alike, so those beside the slices to judge by are not learned from."""
    slices = np.random.default_rng(0).integers(1, 255, (60, 8, 8), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", slices, photometric="minisblack")
    names = {"split": split, "dataset": open_dataset(tmp_path / "stack.tif")}
    (line,) = (
        line
        for cell in read(ROOT, name).cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if "split(" in line
    )
    exec(line.strip(), names)
    parts = [
        names["dataset"].subset(part) if isinstance(part, np.ndarray) else part
        for part in (names["training"], names["validation"])
    ]
    learned, judged = ([info["page"] for info in part.image_info] for part in parts)
    assert min(abs(a - b) for a in learned for b in judged) == 3


@pytest.mark.long
@pytest.mark.parametrize("name", EXPECTED)
def test_runs_and_shows_its_pictures(name, workplace, tmp_path):
    notebook, before = read(workplace, name), files_of(workplace)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(workplace / "notebooks")}}
    )
    client.execute(
        env={
            **os.environ,
            "MRCNN_NOTEBOOK_FAST": "1",
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(Path(mrcnn.__file__).parents[1]),
        }
    )
    pictures, expected_texts = EXPECTED[name]
    outputs = outputs_of(notebook)
    text = "".join(o.text for o in outputs if o.output_type == "stream")
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= pictures
    assert [t for t in expected_texts if t not in text] == []
    assert {p.parts[0] for p in files_of(workplace) - before} <= {"logs"}
