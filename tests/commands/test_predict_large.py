"""Prediction of large images: tiles and scales change nothing in the results; killed, damaged and changed files."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import tiling_fakes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from mrcnn.commands import pages, predict_worker
from mrcnn.commands import predict as module
from mrcnn.commands.domain import Domain
from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities
from mrcnn.data.readers.open import open_dataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.inference.scale import trained_scale
from mrcnn.options.arguments import FAILED, run
from mrcnn.options.predict_arguments import predict_parser

SIDE = 64  # of the network's images


class Blobs:
    """Bright areas are objects with their mean grey level as score: the result does not depend on the window.

    `sizes`: only those whose diameter in network pixels is in this range are found.
    """

    def __init__(self, sizes=(0, np.inf), **changes):
        given = {"IMAGE_MAX_DIM": SIDE, "IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": np.zeros(1), "NUM_CLASSES": 2}
        given |= {"IMAGES_PER_GPU": 1, **changes}
        self.config, self.scale, self.sizes = Config(**given), None, sizes
        self.seen, self.stop_after = [], None

    def fingerprint(self):
        return "blobs"

    def predict(self, images, tile="auto"):
        return [self._found(image, tile) for image in images]

    def _found(self, image, tile):
        if self.stop_after is not None and len(self.seen) >= self.stop_after:
            raise KeyboardInterrupt
        scale = trained_scale(self.config) if self.scale is None else self.scale
        self.seen.append((image.shape[:2], self.scale, tile))
        levels = intensities(image, self.config)[..., 0]
        labels = label(levels > 60)[0]
        found = Instances.from_label_image(labels)
        means = [levels[y1:y2, x1:x2][mask].mean() for (y1, x1, y2, x2), mask in zip(found.boxes, found.masks)]
        found = Instances(found.image_shape, found.boxes, found.class_ids, np.divide(means, 255), found.masks)
        diameters = 2 * np.sqrt(found.areas() / np.pi) * scale
        return found.select((self.sizes[0] <= diameters) & (diameters <= self.sizes[1]))

    @property
    def never_reduced(self):
        scales = [trained_scale(self.config) if scale is None else scale for _, scale, _ in self.seen]
        return all(round(max(shape) * scale) <= SIDE for (shape, *_), scale in zip(self.seen, scales))


DOMAIN = Domain("blobs", ("BG", "blob"), {"full": Config}, open_dataset, None)


def called(detector, *arguments, write="labels,instances,summary,coco"):
    """Exit code of `predict` with these arguments."""
    options = vars(predict_parser("about").parse_args(["--weights", "none", "--write", write, *map(str, arguments)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_detector", lambda domain, options: detector)
        return run(module.predict, DOMAIN, options)


def scene(shape, seed, dtype=np.uint8, count=15, side=14, factor=1, rows=0):
    """Rectangles of up to `side` pixels with values of their own, enlarged by `factor`, and `rows` above and below."""
    truth, rng = tiling_fakes.squares(shape, count, side, seed), np.random.default_rng(seed)
    top = {np.uint8: 255, np.uint16: 40_000, np.float32: 3.0}[dtype]
    image = rng.uniform(0, 0.02 * top, shape).astype(dtype)
    for y1, x1, y2, x2 in truth.boxes:
        image[y1:y2, x1:x2] = top * rng.uniform(0.5, 1)
    image = np.kron(image, np.ones((factor, factor), dtype))
    return np.pad(image, ((rows, rows), (0, 0)), constant_values=image.max())


def results(out):
    """The tables without the numbers of objects, in a fixed order, and the objects in each label image."""
    table = pd.read_csv(out / "instances.csv").drop(columns="instance")
    table = table.sort_values(["image", "page", "y1", "x1"]).reset_index(drop=True)
    labels = {}
    for path in out.glob("*_labels.tif"):
        found = np.atleast_3d(tifffile.imread(path).T).T
        labels[path.name] = [tiling_fakes.as_set(Instances.from_label_image(page)) for page in found]
    return table, pd.read_csv(out / "summary.csv"), labels


def assert_same_results(out, other):
    (table, summary, labels), (others, other_summary, other_labels) = results(out), results(other)
    pd.testing.assert_frame_equal(table, others, rtol=1e-6)
    pd.testing.assert_frame_equal(summary, other_summary)
    assert labels == other_labels and labels


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
    assert files == sorted(p.name for p in (tmp_path / "window").iterdir()) and len(files) == 6
    for name in files:
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
def with_pixels_of(path, image, nm):
    per_cm = 1e7 / nm
    tifffile.imwrite(path, image, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")


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


# --- Killed, interrupted, damaged ---
def tiles_of(out):
    return sorted(p.name for p in (out / "tiles").rglob("tile_*.npz")) if (out / "tiles").exists() else []


@pytest.fixture
def large(tmp_path):
    """A folder of two images of nine tiles each."""
    folder = tmp_path / "large"
    folder.mkdir()
    for name in ("a", "b"):
        tifffile.imwrite(folder / f"{name}.tif", scene((150, 150), ord(name)))
    return folder


def test_an_interrupted_image_continues_after_its_finished_tiles(large, tmp_path):
    out, whole = tmp_path / "out", Blobs(TRAINED_SCALE=1.0)
    assert called(whole, "--out", tmp_path / "whole", large) == 0
    detector = Blobs(TRAINED_SCALE=1.0)
    detector.stop_after = len(whole.seen) // 2 + 3  # in the second image
    assert called(detector, "--out", out, "--part-size", "1", large) == 130
    assert len(tiles_of(out)) == 3 and (out / "parts" / "part_000000.json").exists()
    assert not (out / "instances.csv").exists()
    again = Blobs(TRAINED_SCALE=1.0)
    assert called(again, "--out", out, "--part-size", "1", "--resume", large) == 0
    assert len(again.seen) == len(whole.seen) // 2 - 3
    assert not (out / "tiles").exists() and not (out / "parts").exists()
    assert_same_results(out, tmp_path / "whole")


@pytest.mark.parametrize("change", ["pixels", "size", "scale", "smaller"])
def test_an_image_that_changed_meanwhile_is_processed_again(large, tmp_path, change, capsys):
    out, detector = tmp_path / "out", Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[10, 10])
    detector.stop_after = 4
    assert called(detector, "--out", out, large) == 130 and len(tiles_of(out)) == 4
    shape = {"size": (150, 160), "smaller": (50, 50)}.get(change, (150, 150))
    with_pixels_of(large / "a.tif", scene(shape, 77), 7 if change == "scale" else 10)
    detector.stop_after = None
    assert called(detector, "--out", out, "--resume", large) == 0
    assert called(Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[10, 10]), "--out", tmp_path / "whole", large) == 0
    assert_same_results(out, tmp_path / "whole")
    assert not (out / "tiles").exists() and "error" not in capsys.readouterr().err


def test_other_options_do_not_continue_the_run(large, tmp_path, capsys):
    out, detector = tmp_path / "out", Blobs(TRAINED_SCALE=1.0, TRAINED_OBJECT_PX=[5, 10, 15])
    detector.stop_after = 4
    assert called(detector, "--out", out, large) == 130
    for options in (["--tile", "48"], ["--object-size", "20"], ["--downscale", "2"], ["--slice-distance-nm", "7"]):
        assert called(detector, "--out", out, "--resume", *options, large) == 2
        assert "another run (different " in capsys.readouterr().err
    (out / "parts" / "run.json").unlink()  # a new run, with the tiles of the old one
    detector.stop_after = None
    assert called(detector, "--out", out, "--tile", "48", large) == 0
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "whole", large) == 0
    assert_same_results(out, tmp_path / "whole")


def test_ctrl_c_keeps_the_files_that_are_done(large, tmp_path):
    for name in ("c", "d"):
        tifffile.imwrite(large / f"{name}.tif", scene((40, 40), ord(name)))
    detector = Blobs(TRAINED_SCALE=1.0)
    assert called(detector, "--out", tmp_path / "whole", large) == 0
    total, out = len(detector.seen), tmp_path / "out"
    for done in (total - 1, total - 2):  # during d, and during c
        stopped = Blobs(TRAINED_SCALE=1.0)
        stopped.stop_after = done
        assert called(stopped, "--out", out, "--part-size", "1", large) == 130
        again = Blobs(TRAINED_SCALE=1.0)
        assert called(again, "--out", out, "--part-size", "1", "--resume", large) == 0
        assert len(again.seen) == total - done
        assert_same_results(out, tmp_path / "whole")


@pytest.fixture
def damaged(large):
    """A third image, compressed in strips, of which one in the middle is damaged."""
    path = large / "c.tif"
    tifffile.imwrite(path, scene((150, 150), 5), compression="zlib", rowsperstrip=16)
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[6], file.pages[0].databytecounts[6]
    content = path.read_bytes()
    path.write_bytes(content[:offset] + b"\0" * count + content[offset + count :])
    path.with_suffix(".good").write_bytes(content)
    return path


def test_a_damaged_tile_fails_the_file_and_the_others_are_processed(damaged, large, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pages, "WHOLE_PIXELS", 100)
    out = tmp_path / "out"
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", out, large) == FAILED
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "c.tif: cannot be read in rows" in line
    assert f"finished tiles are kept in {out / 'tiles' / 'c' / '0'}" in line and "same command continues" in line
    assert "repeat the call" not in line
    failed = pd.read_csv(out / "failed.csv")
    assert [Path(name).name for name in failed["file"]] == ["c.tif"]
    for table in ("instances", "summary"):
        assert set(pd.read_csv(out / f"{table}.csv")["image"]) == {"a.tif", "b.tif"}
    kept = len(tiles_of(out))
    assert kept and not (out / "tiles" / "a").exists() and not (out / "c_labels.tif").exists()
    # Repaired: the same command takes the finished tiles, and computes only the others.
    damaged.write_bytes(damaged.with_suffix(".good").read_bytes())
    detector = Blobs(TRAINED_SCALE=1.0)
    assert called(detector, "--out", out, damaged) == 0 and not (out / "failed.csv").exists()
    whole = Blobs(TRAINED_SCALE=1.0)
    assert called(whole, "--out", tmp_path / "whole", damaged) == 0
    assert len(detector.seen) == len(whole.seen) - kept and not (out / "tiles").exists()
    table, summary, _ = results(out)
    pd.testing.assert_frame_equal(table, results(tmp_path / "whole")[0])
    assert summary["image"].tolist() == ["c.tif"]


def test_one_damaged_page_fails_its_stack(tmp_path, capsys):
    stack = np.stack([scene((100, 90), seed) for seed in range(3)])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(tmp_path / "stack.tif") as file:
        offset, count = file.pages[1].dataoffsets[0], sum(file.pages[1].databytecounts)
    content = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "stack.tif").write_bytes(content[:offset] + b"\0" * count + content[offset + count :])
    tifffile.imwrite(tmp_path / "z.tif", scene((40, 40), 9))
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "o", tmp_path) == FAILED
    assert capsys.readouterr().err.count("stack.tif: ") == 1
    table = pd.read_csv(tmp_path / "o" / "instances.csv")
    assert (
        set(table["image"]) == {"z.tif"}
        and pd.read_csv(tmp_path / "o" / "failed.csv")["file"].str.endswith("stack.tif").all()
    )
    assert not (tmp_path / "o" / "stack_labels.tif").exists()


def test_a_file_of_results_that_cannot_be_written_names_the_image_and_the_file(tmp_path, capsys):
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", scene((40, 40), 1))
    (tmp_path / "o" / "a_labels.tif").mkdir(parents=True)
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "o", tmp_path / "a.tif", tmp_path / "b.tif") == FAILED
    failed = pd.read_csv(tmp_path / "o" / "failed.csv")
    assert failed["file"].tolist() == [str(tmp_path / "a.tif")]
    assert "a.tif: " in failed["problem"][0] and "a_labels.tif" in failed["problem"][0]
    assert set(pd.read_csv(tmp_path / "o" / "instances.csv")["image"]) == {"b.tif"}


# --- Names, Zarr, Dask ---
def test_names_tell_images_apart(tmp_path):
    from PIL import Image

    for folder in ("p1", "p2"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "f.tif", scene((40, 40), 1))
    Image.fromarray(scene((40, 40), 2)).save(tmp_path / "p1" / "f.png")
    Image.fromarray(scene((40, 40), 2)).save(tmp_path / "p2" / "F.png")
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "o", tmp_path / "p1", tmp_path / "p2") == 0
    summary = pd.read_csv(tmp_path / "o" / "summary.csv")
    assert len(set(summary["image"])) == len(set(summary["labels"].str.lower())) == 4
    assert all((tmp_path / "o" / name).is_file() for name in summary["labels"])


@pytest.fixture
def zarr_image(tmp_path):
    zarr = pytest.importorskip("zarr")
    folder = tmp_path / "images" / "wafer.zarr"
    array = zarr.open_array(folder, mode="w", shape=(150, 130), chunks=(32, 32), dtype="uint16")
    array[...] = scene((150, 130), 3, np.uint16)
    return folder, array


def test_a_zarr_folder_equals_a_tiff_and_its_changes_are_noticed(zarr_image, tmp_path, monkeypatch):
    folder, array = zarr_image
    tifffile.imwrite(folder.parent / "wafer.tif", array[...])
    monkeypatch.setattr(pages, "WHOLE_PIXELS", 100)
    out, detector = tmp_path / "o", Blobs(TRAINED_SCALE=1.0)
    options = ["--out", out, "--parts", "csv", "--part-size", "1", folder.parent]
    assert called(detector, *options, write="labels,instances,summary") == 0
    tables = [pd.read_csv(out / "parts" / f"instances_{n:06d}.csv") for n in range(2)]
    assert {t["image"][0] for t in tables} == {"wafer.tif", "wafer.zarr"}
    pd.testing.assert_frame_equal(tables[0].drop(columns="image"), tables[1].drop(columns="image"))
    count = len(detector.seen)
    assert called(detector, *options, "--resume", write="labels,instances,summary") == 0 and len(detector.seen) == count
    array[40:44, 40:44] = 65_000
    assert called(detector, *options, "--resume", write="labels,instances,summary") == 0
    assert len(detector.seen) == count * 3 // 2  # the Zarr, not the TIFF


def test_without_zarr_the_other_files_are_processed(zarr_image, tmp_path, monkeypatch, capsys):
    import sys

    folder, _ = zarr_image
    tifffile.imwrite(folder.parent / "z.tif", scene((40, 40), 3))
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "o", folder.parent) == FAILED
    said = capsys.readouterr().err
    assert "wafer.zarr: this needs the package 'zarr'" in said and "pip install zarr" in said
    assert set(pd.read_csv(tmp_path / "o" / "summary.csv")["image"]) == {"z.tif"}


@pytest.mark.parametrize("files", [1, 2])
def test_dask_gives_the_same_by_tiles_and_by_parts(large, tmp_path, files):
    distributed = pytest.importorskip("distributed", exc_type=ModuleNotFoundError)
    paths = sorted(large.iterdir())[:files]
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "here", *paths) == 0
    options = ["--weights", "none", "--out", str(tmp_path / "dask"), "--part-size", "1", *map(str, paths)]
    options = vars(predict_parser("about").parse_args([*options, "--write", "labels,instances,summary"]))
    with (
        distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(module, "load_detector", lambda domain, options: Blobs(TRAINED_SCALE=1.0))
        assert module.predict(DOMAIN, {**options, "dask": client}) == 0
    assert_same_results(tmp_path / "here", tmp_path / "dask")
    assert not (tmp_path / "dask" / "tiles").exists()


# --- Errors ---
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigError("Tiles are odd. Use others."), "a.tif: tiles are odd. Use others"),
        (ConfigError("Odd."), "a.tif: Odd. Copy, crop or convert the image"),
        (OSError("gone"), "a.tif: gone. Copy, crop or convert the image"),
        (DataError("image", "is odd", "Leave it"), "a.tif: is odd. Leave it"),
        (DataError("{folder}/a.tif", "is odd", "Leave it"), "a.tif: is odd. Leave it"),
        (DataError("out/tiles/a", "is full", "Clean up"), "a.tif: out/tiles/a: is full. Clean up"),
    ],
)
def test_errors_name_the_file(error, said, tmp_path):
    path = tmp_path / "a.tif"
    if isinstance(error, DataError):
        error.path = error.path.format(folder=tmp_path)
    found = predict_worker.named_error(error, path)
    assert isinstance(found, DataError) and str(found) == f"{tmp_path}/{said}"
