"""Prediction: label images, overlays and tables; files that fail do not stop the others."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.commands import predict as module
from mrcnn.commands.predict import predict
from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.images.read import read_pixel_size_nm
from mrcnn.images.source import ImageSource
from mrcnn.options.arguments import USAGE


@pytest.fixture
def predicted(domain, detector, pictures, tmp_path, monkeypatch):
    """Predicts these images with the bright-is-object detector; returns exit code and folder."""
    monkeypatch.setattr(module, "load_detector", lambda domain, options: detector)

    def call(*images, **options):
        out = tmp_path / "out"
        shutil.rmtree(out / "parts", ignore_errors=True)
        options = {"weights": "-", "out": str(out), **options}
        return predict(domain, {"images": [str(i) for i in images], **options}), out

    return call


def test_files_of_a_folder(predicted, pictures):
    code, out = predicted(pictures)
    assert code == 0
    assert {p.name for p in out.iterdir()} == {
        "one_labels.tif",
        "one_overlay.png",
        "two_labels.tif",
        "two_overlay.png",
        "stack_labels.tif",
        "stack_overlay.png",
        "stack_overlay_0001.png",
        "stack_overlay_0002.png",
        "instances.csv",
        "summary.csv",
        "written_by_mrcnn.json",
    }


def test_label_images_hold_the_objects_and_the_pixel_size(predicted, pictures):
    _, out = predicted(pictures)
    two, stack = tifffile.imread(out / "two_labels.tif"), tifffile.imread(out / "stack_labels.tif")
    assert (two.dtype, two.shape, two.max(), two[0, 0]) == (np.uint16, (40, 50), 2, 0)
    assert (stack.shape, [page.max() for page in stack]) == ((3, 40, 50), [0, 1, 2])
    assert read_pixel_size_nm(out / "one_labels.tif") == pytest.approx((5, 5))
    assert read_pixel_size_nm(out / "two_labels.tif") is None


def test_tables(predicted, pictures):
    _, out = predicted(pictures)
    table, summary = pd.read_csv(out / "instances.csv"), pd.read_csv(out / "summary.csv")
    assert list(table.columns[:4]) == ["image", "page", "instance", "class_id"]
    assert table.groupby(["image", "page"]).size().to_dict() == {
        ("one.tif", 0): 1,
        ("stack.tif", 1): 1,
        ("stack.tif", 2): 2,
        ("two.tif", 0): 2,
    }
    assert set(table["class"]) == {"blob"}
    one = table[table["image"] == "one.tif"].iloc[0]
    assert (one["area_px"], one["area_um2"]) == (25, pytest.approx(25 * 25e-6))
    assert table[table["image"] == "two.tif"]["area_um2"].isna().all()
    assert list(summary["count"]) == [1, 0, 1, 2, 2]
    assert summary[summary["image"] == "stack.tif"]["page"].tolist() == [0, 1, 2]


def test_the_given_pixel_size_takes_precedence_over_the_file(predicted, pictures):
    _, out = predicted(pictures / "one.tif", pixel_size_nm=(10.0, 20.0))
    assert pd.read_csv(out / "instances.csv")["area_um2"].iloc[0] == pytest.approx(25 * 200e-6)
    assert read_pixel_size_nm(out / "one_labels.tif") == pytest.approx((10, 20))


def test_the_pixel_size_of_the_settings_is_the_last_resort(predicted, pictures, detector):
    detector.config.PIXEL_SIZE_NM = 2.0
    _, out = predicted(pictures)
    table = pd.read_csv(out / "instances.csv").set_index("image")
    assert table.loc["one.tif", "area_um2"] == pytest.approx(25 * 25e-6)
    assert table.loc["two.tif", "area_um2"].iloc[0] == pytest.approx(25 * 4e-6)


def test_files_that_fail_are_named_and_the_others_processed(predicted, pictures, capsys):
    (pictures / "cut.tif").write_bytes((pictures / "two.tif").read_bytes()[:300])
    (pictures / "text.png").write_text("no picture")
    tifffile.imwrite(pictures / "nan.tif", np.full((9, 9), np.nan, np.float32))
    tifffile.imwrite(
        pictures / "five.tif", np.zeros((5, 9, 9), np.uint8), photometric="minisblack", planarconfig="separate"
    )
    code, out = predicted(pictures, pictures / "absent.tif")
    assert code == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert sorted(
        name for name in ("cut.tif", "text.png", "nan.tif", "five.tif", "absent.tif") if any(name in e for e in errors)
    ) == ["absent.tif", "cut.tif", "five.tif", "nan.tif", "text.png"]
    assert len(pd.read_csv(out / "summary.csv")) == 5
    assert not (out / "cut_labels.tif").exists()


@pytest.mark.parametrize("broken", [("absent.tif",), ("absent.tif", "text.png")])
def test_every_input_failed_is_exit_code_2_and_leaves_tables_that_can_be_read(predicted, pictures, capsys, broken):
    (pictures / "text.png").write_text("no picture")
    code, out = predicted(*(pictures / name for name in broken))
    assert code == USAGE == 2
    said = capsys.readouterr()
    assert "None of the inputs could be used" in said.err and "Found" not in said.out
    assert all(name in said.err for name in broken)
    assert list(pd.read_csv(out / "instances.csv").columns) == ["image", "page"]
    assert len(pd.read_csv(out / "failed.csv")) == len(broken)


def test_inputs_that_cannot_be_used_leave_the_tables_of_an_earlier_run(predicted, pictures):
    write = ("labels", "instances", "summary", "coco")
    _, out = predicted(pictures, write=write)
    names = "instances.csv", "summary.csv", "detections.json"
    before = [(out / name).read_bytes() for name in names]
    assert predicted("absent.tif", write=write)[0] == USAGE
    assert [(out / name).read_bytes() for name in names] == before
    assert len(pd.read_csv(out / "failed.csv")) == 1 and not (out / "parts").exists()


def test_what_a_killed_run_was_writing_is_removed(predicted, pictures, tmp_path):
    drafts = tmp_path / "out" / ".writing-0123456789abcdef.tif", tmp_path / "out" / ".writing-fedcba9876543210"
    (drafts[1] / "0").mkdir(parents=True)
    drafts[0].write_bytes(b"half")
    (tmp_path / "out" / ".writing").write_text("of the user")
    assert predicted(pictures)[0] == 0
    assert not any(path.exists() for path in drafts) and (tmp_path / "out" / ".writing").exists()


def test_same_stems_do_not_overwrite_one_another(predicted, pictures, tmp_path):
    (tmp_path / "other").mkdir()
    tifffile.imwrite(tmp_path / "other" / "one.tif", np.zeros((20, 20), np.uint8))
    code, out = predicted(pictures / "one.tif", tmp_path / "other" / "one.tif")
    assert code == 0
    assert tifffile.imread(out / "pictures_one_labels.tif").max() == 1
    assert tifffile.imread(out / "other_one_labels.tif").max() == 0


def test_the_pages_of_a_stack_are_not_all_in_memory(predicted, tmp_path, detector, monkeypatch):
    tifffile.imwrite(tmp_path / "long.tif", np.zeros((200, 8, 8), np.uint8), photometric="minisblack")
    ahead, reads = [], []
    real = ImageSource.read

    def counted(source, page=0):
        reads.append(page)
        ahead.append(len(reads) - detector.seen)
        return real(source, page)

    monkeypatch.setattr(ImageSource, "read", counted)
    predicted(tmp_path / "long.tif", write=("summary",))
    assert sorted(reads) == list(range(200)) and max(ahead) < 40


def test_a_fourth_channel_is_one_where_the_model_has_four(predicted, tmp_path, detector):
    """By default, tifffile and scikit-image mark it as alpha."""
    path, bright = tmp_path / "four.tif", np.zeros((40, 50, 4), np.uint8)
    bright[10:15, 3:8] = 200
    tifffile.imwrite(path, bright, photometric="rgb")
    shown = []
    real, detector.predict = detector.predict, lambda images: shown.append(images[0].shape) or real(images)
    for channels in (3, 4):
        detector.config.IMAGE_CHANNEL_COUNT = channels
        assert predicted(path)[0] == 0
    assert shown == [(40, 50, 3), (40, 50, 4)]
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert {f"mean_intensity_{i}" for i in range(4)} <= set(table.columns)


@pytest.fixture
def with_bar(tmp_path):
    """An image with 5 nm pixels: one object inside, one cut by row 40, and a bright caption bar from there on."""
    image = np.zeros((52, 50), np.uint8)
    image[8:16, 12:24], image[32:40, 12:20], image[40:] = 200, 200, 255
    tifffile.imwrite(tmp_path / "bar.tif", image, resolution=(2e6, 2e6), resolutionunit="CENTIMETER")
    return tmp_path / "bar.tif"


def test_a_prepared_image_gives_results_of_the_original_size(predicted, with_bar, detector):
    shown = []
    real = detector.predict
    detector.predict = lambda images: shown.append(images[0].shape) or real(images)
    code, out = predicted(with_bar, keep_rows=(0, 40), downscale=4)
    assert code == 0 and shown == [(10, 12, 1)]
    labels, table = tifffile.imread(out / "bar_labels.tif"), pd.read_csv(out / "instances.csv")
    truth = tifffile.imread(with_bar) > 0
    truth[40:] = False
    assert labels.shape == (52, 50) and not labels[40:].any()
    assert np.count_nonzero((labels > 0) != truth) <= 8  # corners are rounded
    assert read_pixel_size_nm(out / "bar_labels.tif") == pytest.approx((5, 5))
    assert table[["y1", "x1", "y2", "x2"]].values.tolist() == [[8, 12, 16, 24], [32, 12, 40, 20]]
    assert table["area_um2"].tolist() == pytest.approx((table["area_px"] * 25e-6).tolist())
    assert table["mean_intensity"].tolist() == [200, 200]
    assert table["touches_border"].tolist() == [False, True]
    # Only of the rows and columns that were used: 2 columns fill no block.
    assert pd.read_csv(out / "summary.csv")["image_area_px"].tolist() == [40 * 48]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({}, (10, 12, 1)),
        ({"downscale": 2}, (20, 25, 1)),
        ({"keep_rows": "all"}, (13, 12, 1)),
        ({"keep_rows": "all", "downscale": 1}, (52, 50, 1)),
    ],
)
def test_images_are_prepared_as_in_training_by_default(predicted, with_bar, detector, tmp_path, given, seen):
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.h5").touch()
    (run / "training.json").write_text(json.dumps({"keep_rows": [0, 40], "downscale": 4}))
    shown = []
    real = detector.predict
    detector.predict = lambda images: shown.append(images[0].shape) or real(images)
    for weights in (run, run / "best.h5"):
        assert predicted(with_bar, weights=str(weights), **given)[0] == 0
    assert shown == [seen] * 2


def test_an_image_without_the_rows_to_keep_is_named_and_the_others_processed(predicted, pictures, with_bar, capsys):
    code, out = predicted(pictures / "one.tif", with_bar, keep_rows=(0, 45))
    assert code == 1
    error = capsys.readouterr().err
    assert "one.tif" in error and "has 40 rows" in error
    assert pd.read_csv(out / "summary.csv")["image"].tolist() == ["bar.tif"]


def test_a_record_that_cannot_be_read_is_not_ignored(predicted, with_bar, tmp_path):
    (tmp_path / "best.h5").touch()
    (tmp_path / "training.json").write_text("{cut")
    with pytest.raises(ConfigError, match=r"training\.json.*--keep-rows"):
        predicted(with_bar, weights=str(tmp_path))


def test_overlays_of_the_first_pages_only(predicted, pictures):
    _, out = predicted(pictures / "stack.tif", overlays=2)
    assert sorted(p.name for p in out.glob("*.png")) == ["stack_overlay.png", "stack_overlay_0001.png"]


def test_outlines_for_imagej_are_written_on_request(predicted, pictures):
    roifile = pytest.importorskip("roifile", exc_type=ModuleNotFoundError)
    code, out = predicted(pictures, rois=True)
    assert code == 0
    assert {p.name for p in out.glob("*.zip")} == {"one_rois.zip", "two_rois.zip", "stack_rois.zip"}
    assert [r.position for r in roifile.roiread(out / "stack_rois.zip")] == [2, 3, 3]


def test_without_roifile_it_ends_before_the_detection(predicted, pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(MissingExtra, match="pip install roifile$"):
        predicted(pictures, rois=True)


def test_results_are_not_written_among_the_images(predicted, pictures):
    with pytest.raises(ConfigError, match="Choose another"):
        predicted(pictures, out=str(pictures))


# --- Stacks ---
LINKING = {"link_slices": True, "link_iou": 0.3, "link_scores": (0.0, 0.0), "link_gap": 0, "min_slices": 1}


@pytest.fixture
def column(tmp_path):
    """A stack of 5 x 4 x 3 nm voxels: a square through three of four pages, another in the last."""
    stack = np.zeros((4, 40, 50), np.uint8)
    stack[:3, 10:15, 10:15], stack[3, 30:36, 30:36] = 200, 200
    tifffile.imwrite(
        tmp_path / "column.tif",
        stack,
        imagej=True,
        resolution=(1 / 0.003, 1 / 0.004),
        metadata={"unit": "um", "spacing": 0.005, "axes": "ZYX"},
    )
    return tmp_path / "column.tif"


def test_slices_are_linked_to_objects_with_volumes(predicted, column, pictures):
    code, out = predicted(column, pictures / "one.tif", **LINKING)
    assert code == 0
    labels, table = tifffile.imread(out / "column_objects.tif"), pd.read_csv(out / "objects.csv")
    assert (labels[:3, 12, 12].tolist(), labels[3, 33, 33], labels.max()) == ([1, 1, 1], 2, 2)
    assert table[["stack", "object", "class", "slices", "voxels"]].values.tolist() == [
        ["column.tif", 1, "blob", 3, 75],
        ["column.tif", 2, "blob", 1, 36],
    ]
    assert table["volume_um3"].tolist() == pytest.approx([75 * 60e-9, 36 * 60e-9])
    stacks = pd.read_csv(out / "stacks.csv")
    assert stacks[["stack", "labels", "count"]].values.tolist() == [["column.tif", "column_objects.tif", 2]]
    with tifffile.TiffFile(out / "column_objects.tif") as file:
        assert file.imagej_metadata["spacing"] == pytest.approx(5e-7)  # cm
    assert read_pixel_size_nm(out / "column_objects.tif") == pytest.approx((4, 3))


def test_linking_options_are_used(predicted, column, pictures):
    _, out = predicted(column, **{**LINKING, "min_slices": 2, "slice_distance_nm": 50.0})
    table = pd.read_csv(out / "objects.csv")
    assert table["volume_um3"].tolist() == pytest.approx([75 * 600e-9])
    _, out = predicted(pictures / "stack.tif", **LINKING)  # neither size nor distance is known
    assert "volume_um3" not in pd.read_csv(out / "objects.csv")


def test_without_linking_or_a_stack_there_are_no_files_of_it(predicted, column, pictures, capsys):
    assert not list(predicted(column)[1].glob("*objects*"))
    assert "Volumes" not in capsys.readouterr().out
    assert not list(predicted(pictures / "one.tif", **LINKING)[1].glob("*objects.csv"))
    assert "Volumes: none of the images is a stack" in capsys.readouterr().out
