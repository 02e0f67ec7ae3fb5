"""Prediction of large images: tiles, windows and scales change nothing in the results."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from large_images import Blobs, assert_same_results, called, results, scene, with_pixels_of
from scipy.ndimage import label

from mrcnn.commands import pages
from mrcnn.options.arguments import FAILED


# --- Tiled equals whole ---
@settings(max_examples=12)
@given(
    shape=st.tuples(st.integers(20, 170), st.integers(20, 170)),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    count=st.sampled_from([1, 2]),
    factor=st.sampled_from([1, 2]),
    rows=st.sampled_from([0, 6]),
    tile=st.sampled_from(["auto", "64", "48"]),
    trained=st.sampled_from([None, 1.0, 0.5]),
    by_window=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_tiled_equals_whole(shape, dtype, count, factor, rows, tile, trained, by_window, seed):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        folder = Path(folder)
        for name, number in (("one.tif", 1), ("stack.tif", count)):
            stack = np.stack([scene(shape, seed + i, dtype, 15, 11, factor, rows) for i in range(number)])
            tifffile.imwrite(folder / name, stack, photometric="minisblack")
        height = shape[0] * factor
        prepared = [
            "--downscale",
            factor,
            "--keep-rows",
            f"{rows}:{height + rows}",
            folder / "one.tif",
            folder / "stack.tif",
        ]
        whole = Blobs(TRAINED_SCALE=trained)
        assert called(whole, "--out", folder / "whole", "--tile", "off", *prepared) == 0
        if by_window:
            patch.setattr(pages, "WHOLE_PIXELS", 100)
        detector = Blobs(TRAINED_SCALE=trained)
        assert called(detector, "--out", folder / "tiled", "--tile", tile, *prepared) == 0
        assert_same_results(folder / "whole", folder / "tiled")
        assert detector.never_reduced
        assert not (folder / "tiled" / "tiles").exists() and not (folder / "tiled" / "parts").exists()


@pytest.mark.parametrize("channels", [1, 3])
def test_pages_read_by_window_give_the_same_files(tmp_path, monkeypatch, channels):
    image = np.stack([scene((150, 130), seed, np.uint16) for seed in range(3)], axis=-1)
    tifffile.imwrite(tmp_path / "rgb.tif", image, photometric="rgb")
    write, settings_ = "labels,overlay,instances,summary,cells,coco,masks", {"TRAINED_SCALE": 1.0}
    settings_ |= {"IMAGE_CHANNEL_COUNT": channels, "MEAN_PIXEL": np.zeros(channels)}
    for name, pixels in (("memory", 1e9), ("window", 100)):
        monkeypatch.setattr(pages, "WHOLE_PIXELS", pixels)
        detector = Blobs(**settings_)
        assert called(detector, "--out", tmp_path / name, tmp_path / "rgb.tif", write=write) == 0
        assert len(detector.seen) > 4
    files = sorted(p.name for p in (tmp_path / "memory").iterdir())
    assert files == sorted(p.name for p in (tmp_path / "window").iterdir()) and len(files) == 7
    for name in set(files) - {"written_by_mrcnn.json"}:  # it has times
        assert (tmp_path / "memory" / name).read_bytes() == (tmp_path / "window" / name).read_bytes(), name


def test_an_unknown_scale_is_one_sentence(tmp_path, capsys):
    for i in range(3):
        tifffile.imwrite(tmp_path / f"{i}.tif", scene((100, 90), i))
    words = "This run does not record the scale of its training images: images larger than 64 pixels are detected"
    assert called(Blobs(), "--out", tmp_path / "a", tmp_path) == 0
    assert capsys.readouterr().out.count(words) == 1
    assert called(Blobs(), "--out", tmp_path / "b", "--tile", "off", tmp_path) == 0
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "c", tmp_path) == 0
    assert words not in capsys.readouterr().out


def test_without_tiles_a_large_image_is_given_to_the_model_as_it_is(tmp_path):
    """--tile off, also if the pixel sizes ask for a scale at which it would be too large for the network."""
    tifffile.imwrite(tmp_path / "a.tif", scene((100, 90), 0), resolution=(2e6, 2e6), resolutionunit="CENTIMETER")
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[2, 2], TRAINED_OBJECT_PX=[5, 10, 15])
    for choice in ("pixel-size", "8"):
        detector.seen.clear()
        assert (
            called(detector, "--out", tmp_path / choice, "--tile", "off", "--object-size", choice, tmp_path / "a.tif")
            == 0
        )
        assert detector.seen == [((100, 90), None, "off")]
    detector.seen.clear()
    assert (
        called(detector, "--out", tmp_path / "small", "--tile", "off", "--object-size", "20", tmp_path / "a.tif") == 0
    )
    assert detector.seen == [((100, 90), 0.5, "off")]


def test_a_tile_that_is_too_large_is_one_line_with_a_cure_for_each_image(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", scene((70, 90), 0))
    tifffile.imwrite(tmp_path / "small.tif", scene((60, 60), 0))
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "o", "--tile", "100", tmp_path) == FAILED
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "a.tif: tiles of 100 pixels are larger than" in line and "Use tiles of at most 64 pixels, or 'auto'" in line
    assert "convert the image" not in line
    assert pd.read_csv(tmp_path / "o" / "summary.csv")["image"].tolist() == ["small.tif"]


# --- Sizes of objects ---
@pytest.mark.parametrize("prepared", [[], ["--downscale", "2"]])
@pytest.mark.parametrize(("nm", "scale"), [(5.0, 0.5), (20.0, 2.0), (10.0, None), (9.0, None)])
def test_pixel_sizes_set_the_scale_and_results_are_in_pixels_of_the_image(tmp_path, nm, scale, prepared, capsys):
    factor = 2 if prepared else 1
    image = scene((100, 90), 1, factor=factor)
    with_pixels_of(tmp_path / "a.tif", image, nm / factor)
    tifffile.imwrite(tmp_path / "unknown.tif", image)
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[10, 10], TRAINED_OBJECT_PX=[5, 10, 15])
    assert called(detector, "--out", tmp_path / "o", *prepared, tmp_path / "a.tif", tmp_path / "unknown.tif") == 0
    assert {s for _, s, _ in detector.seen} == {scale or 1.0, 1.0} and detector.never_reduced
    said = capsys.readouterr().out
    assert (f"at {100 * (scale or 1):.3g} % of their size: its pixels of {nm:g} nm" in said) == (scale is not None)
    (table, summary, labels) = results(tmp_path / "o")
    one, other = (table[table["image"] == name] for name in ("a.tif", "unknown.tif"))
    boxes = ["y1", "x1", "y2", "x2", "area_px"]
    assert one[boxes].values.tolist() == other[boxes].values.tolist() and len(one) > 5
    assert labels["a_labels.tif"] == labels["unknown_labels.tif"]
    assert one["area_um2"].tolist() == pytest.approx((one["area_px"] * (nm / factor) ** 2 / 1e6).tolist())
    assert other["area_um2"].isna().all()


def test_an_object_size_and_off(tmp_path):
    with_pixels_of(tmp_path / "a.tif", scene((100, 90), 1), 5)
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[10, 10], TRAINED_OBJECT_PX=[5, 10, 15])
    for choice, scales in (("40", {0.25}), ("5", {2.0}), ("off", {1.0})):
        detector.seen.clear()
        assert called(detector, "--out", tmp_path / choice, "--object-size", choice, tmp_path / "a.tif") == 0
        assert {s for _, s, _ in detector.seen} == scales and detector.never_reduced
        assert_same_results(tmp_path / choice, tmp_path / "40")


def test_pixel_sizes_that_cannot_be_true_are_named(tmp_path, capsys):
    with_pixels_of(tmp_path / "a.tif", scene((100, 90), 1), 10_000)
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[5, 5])
    assert called(detector, "--out", tmp_path / "o", tmp_path / "a.tif") == 2 and not detector.seen
    said = capsys.readouterr().err
    assert "a.tif: its pixels have 1e+04 nm" in said and "--pixel-size-nm, or --object-size off" in said
    assert called(detector, "--out", tmp_path / "o", "--pixel-size-nm", "5", tmp_path / "a.tif") == 0


def grid_of_squares(side, shape=(240, 240)):
    image = np.zeros(shape, np.uint8)
    for y in range(side // 2, shape[0] - side, 2 * side):
        for x in range(side // 2, shape[1] - side, 2 * side):
            image[y : y + side, x : x + side] = 200
    return image


@pytest.mark.parametrize("times", [0.5, 2, 3])
def test_auto_finds_the_scale_of_each_image(tmp_path, times, capsys):
    """Objects of 12 pixels were learned; those of other sizes are not found at the scale of the training."""
    learnt = 2 * 12 / np.sqrt(np.pi)
    tifffile.imwrite(tmp_path / "other.tif", grid_of_squares(int(12 * times)))
    tifffile.imwrite(tmp_path / "usual.tif", grid_of_squares(12))
    tifffile.imwrite(tmp_path / "dark.tif", np.zeros((50, 50), np.uint8))
    sizes = learnt * 0.7, learnt * 1.3
    detector = Blobs(sizes, TRAINED_SCALE=1.0, TRAINED_OBJECT_PX=[learnt * 0.9, learnt, learnt * 1.1])
    files = [tmp_path / name for name in ("other.tif", "usual.tif", "dark.tif")]
    assert called(detector, "--out", tmp_path / "o", "--object-size", "auto", *files) == 0
    assert detector.never_reduced
    said = [line for line in capsys.readouterr().out.splitlines() if "is detected at" in line]
    percent = float(said[0].split("detected at ")[1].split(" %")[0])
    assert said[0].startswith("other.tif is detected at") and percent * times == pytest.approx(100, rel=0.2)
    assert said[1].startswith("usual.tif is detected at the scale of the training: no other scale")
    assert said[2].startswith("dark.tif is detected at the scale of the training: nothing was found")
    table = pd.read_csv(tmp_path / "o" / "instances.csv")
    true = label(grid_of_squares(int(12 * times)))[1]
    assert (table["image"] == "other.tif").sum() == true and (table["image"] == "usual.tif").sum() > 50


def test_auto_is_one_sentence_for_images_that_agree(tmp_path, capsys):
    learnt = 2 * 12 / np.sqrt(np.pi)
    for name, side in (("a", 24), ("b", 12), ("c", 24), ("d", 12), ("e", 25)):
        tifffile.imwrite(tmp_path / f"{name}.tif", grid_of_squares(side))
    sizes = learnt * 0.7, learnt * 1.3
    detector = Blobs(sizes, TRAINED_SCALE=1.0, TRAINED_OBJECT_PX=[learnt * 0.9, learnt, learnt * 1.1])
    assert called(detector, "--out", tmp_path / "o", "--object-size", "auto", "--part-size", "2", tmp_path) == 0
    first, second = [line for line in capsys.readouterr().out.splitlines() if "detected at" in line]
    assert first.startswith("3 images (") and " % of their size: there the objects" in first and "times" not in first
    assert second.startswith("2 images (b.tif, ...) are detected at the scale of the training: no other scale")


def test_an_object_size_is_in_pixels_of_the_image_as_given(tmp_path):
    """Also if the image is reduced first, as in the training."""
    tifffile.imwrite(tmp_path / "a.tif", scene((100, 90), 1, factor=2))
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_OBJECT_PX=[5, 10, 15])
    given = "--object-size", "40", "--downscale", "2"
    assert called(detector, "--out", tmp_path / "o", *given, tmp_path / "a.tif") == 0
    assert {scale for _, scale, _ in detector.seen} == {0.5}


def test_the_advice_is_of_the_size_at_which_a_large_image_was_seen(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", grid_of_squares(12))  # 240 pixels, for which the network has 64
    for i, choice in enumerate(("pixel-size", "auto")):
        detector = Blobs(TRAINED_SCALE=1.0, TRAINED_OBJECT_PX=[12, 13.5, 15])
        given = "--tile", "off", "--object-size", choice
        assert called(detector, "--out", tmp_path / str(i), *given, tmp_path / "a.tif") == 0
        said = capsys.readouterr().out
        assert ("typically 4 pixels of the network, there 14" in said) == (choice == "pixel-size")
        assert ("are reduced to their size (--tile off)" in said) == (choice == "auto")


def test_sizes_that_the_run_does_not_record_end_before_the_detection(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", scene((30, 30), 0))
    for choice in ("auto", "20"):
        detector = Blobs()
        assert called(detector, "--out", tmp_path / "o", "--object-size", choice, tmp_path / "a.tif") == 2
        assert not detector.seen and "--object-size off, or train it again" in capsys.readouterr().err


def test_unusual_sizes_are_followed_by_advice(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", grid_of_squares(12))
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_OBJECT_PX=[40, 50, 60])
    assert called(detector, "--out", tmp_path / "o", tmp_path / "a.tif") == 0
    assert "typically 14 pixels of the network, there 50" in capsys.readouterr().out
