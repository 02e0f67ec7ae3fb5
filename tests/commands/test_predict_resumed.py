"""Prediction that is killed, of files that are damaged or change, with names that clash, of Zarr, and on Dask."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from large_images import DOMAIN, Blobs, assert_same_results, called, results, scene, with_pixels_of
from PIL import Image

from mrcnn.commands import pages, predict_page, predict_worker
from mrcnn.commands import predict as module
from mrcnn.errors import ConfigError, DataError
from mrcnn.inference.find_scale import FoundScale
from mrcnn.options.arguments import FAILED
from mrcnn.options.predict_arguments import predict_parser


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
    (large.parent / "good").write_bytes(content)
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
    damaged.write_bytes((large.parent / "good").read_bytes())
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
    files = tmp_path / "a.tif", tmp_path / "b.tif"
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "o", "--overwrite", *files) == FAILED
    failed = pd.read_csv(tmp_path / "o" / "failed.csv")
    assert failed["file"].tolist() == [str(tmp_path / "a.tif")]
    assert "a.tif: " in failed["problem"][0] and "a_labels.tif" in failed["problem"][0]
    assert set(pd.read_csv(tmp_path / "o" / "instances.csv")["image"]) == {"b.tif"}


def test_an_overlay_that_cannot_be_written_fails_its_file_and_the_others_are_processed(tmp_path, capsys):
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", scene((40, 40), 1))
    (tmp_path / "o" / "a_overlay.png").mkdir(parents=True)
    files = tmp_path / "a.tif", tmp_path / "b.tif"
    given = "--out", tmp_path / "o", "--overwrite", *files
    assert called(Blobs(TRAINED_SCALE=1.0), *given, write="overlay,instances") == FAILED
    failed = pd.read_csv(tmp_path / "o" / "failed.csv")
    assert failed["file"].tolist() == [str(tmp_path / "a.tif")] and "a_overlay.png" in failed["problem"][0]
    assert set(pd.read_csv(tmp_path / "o" / "instances.csv")["image"]) == {"b.tif"}
    assert (tmp_path / "o" / "b_overlay.png").is_file() and "1 of the inputs failed" in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_costs_no_finished_tiles(large, tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed", exc_type=ModuleNotFoundError)

    def no_answer(*_):
        raise ConfigError("No Dask scheduler answers at tcp://host:1. Start one there, or use 'local:N'.")
        yield

    out, image, detector = tmp_path / "o", large / "a.tif", Blobs(TRAINED_SCALE=1.0)
    detector.stop_after = 4
    assert called(detector, "--out", out, image) == 130 and len(tiles_of(out)) == 4
    monkeypatch.setattr("mrcnn.inference.tiling_dask.on_dask", lambda dask: no_answer)
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", out, "--resume", "--dask", "tcp://host:1", image) == 2
    assert "no Dask scheduler answers" in capsys.readouterr().err and len(tiles_of(out)) == 4


def test_the_scale_that_was_found_is_kept_with_the_tiles(large, tmp_path, monkeypatch):
    """Found again, it may differ in its last digit, and all tiles would be of another run."""
    found = []

    def find_scale(detector, source):
        found.append(FoundScale(0.999 + 1e-9 * len(found), "there they fit"))
        return found[-1]

    monkeypatch.setattr(predict_page, "find_scale", find_scale)
    image, settings = large / "a.tif", {"TRAINED_SCALE": 1.0, "TRAINED_OBJECT_PX": [5, 10, 15]}
    given = "--out", tmp_path / "o", "--object-size", "auto", image
    detector = Blobs(**settings)
    detector.stop_after = 4
    assert called(detector, *given) == 130 and len(tiles_of(tmp_path / "o")) == 4
    again = Blobs(**settings)
    assert called(again, *given, "--resume") == 0 and len(found) == 1
    assert {scale for _, scale, _ in again.seen} == {0.999} and len(again.seen) == 12  # of 16
    assert not (tmp_path / "o" / "tiles").exists()
    # Of another state of the image it is not taken.
    detector = Blobs(**settings)
    detector.stop_after = 4
    assert called(detector, *given) == 130 and len(found) == 2
    tifffile.imwrite(image, scene((150, 151), 9))
    assert called(Blobs(**settings), *given, "--resume") == 0 and len(found) == 3


@pytest.mark.parametrize("damage", ["", "[]", '{"key": 1}', '{"scale": "x"}'])
def test_a_damaged_scale_is_found_again(large, tmp_path, damage):
    settings = {"TRAINED_SCALE": 1.0, "TRAINED_OBJECT_PX": [5, 10, 15]}
    given = "--out", tmp_path / "o", "--object-size", "auto", large / "a.tif"
    detector = Blobs(**settings)
    detector.stop_after = 200
    code = called(detector, *given)
    for path in (tmp_path / "o").rglob("scale.json"):
        path.write_text(damage)
    assert code == 0 or called(Blobs(**settings), *given, "--resume") == 0


def test_tiles_that_a_kill_left_after_their_part_was_stored_are_removed(large, tmp_path, monkeypatch):
    out = tmp_path / "o"
    with monkeypatch.context() as patch:
        patch.setattr(module.Prediction, "_remove_tiles", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert called(Blobs(TRAINED_SCALE=1.0), "--out", out, "--part-size", "1", large) == 130
    assert len(tiles_of(out)) > 8
    (out / "tiles" / "of_the_user").mkdir()
    (out / "tiles" / "a" / "notes.txt").write_text("of the user")
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", out, "--part-size", "1", "--resume", large) == 0
    left = sorted(str(p.relative_to(out / "tiles")) for p in (out / "tiles").rglob("*"))
    assert left == ["a", "a/notes.txt", "of_the_user"]


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 900 GiB"), RecursionError("too deep")])
@pytest.mark.parametrize("where", ["read", "detect", "write"])
def test_memory_that_one_file_needs_does_not_end_the_run_of_the_others(tmp_path, monkeypatch, capsys, error, where):
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / f"{name}.tif", scene((40, 40), ord(name)))

    def of_b(real, path_of):
        def fail(*arguments, **options):
            if Path(path_of(*arguments)).name.startswith("b"):
                raise error
            return real(*arguments, **options)

        return fail

    if where == "read":
        monkeypatch.setattr(predict_page, "load_page", of_b(predict_page.load_page, lambda page: page.source.path))
    elif where == "write":
        monkeypatch.setattr(
            predict_worker, "write_files", of_b(predict_worker.write_files, lambda w, out, page, *_: page.name)
        )
    detector = Blobs(TRAINED_SCALE=1.0)
    if where == "detect":
        real = detector.predict

        def predict(images, tile="auto"):
            if len(detector.seen) == 1 and not detector.seen.append(((40, 40), None, tile)):
                raise error
            return real(images, tile)

        detector.predict = predict
    files = [tmp_path / f"{name}.tif" for name in ("a", "b", "c")]
    assert called(detector, "--out", tmp_path / "o", *files) == FAILED
    assert pd.read_csv(tmp_path / "o" / "summary.csv")["image"].tolist() == ["a.tif", "c.tif"]
    (problem,) = pd.read_csv(tmp_path / "o" / "failed.csv")["problem"]
    words = "needs more memory than there is" if isinstance(error, MemoryError) else "nested too deeply"
    assert "b.tif: " in problem and words in problem and problem.strip() in capsys.readouterr().err


def test_one_image_that_is_not_tiled_is_not_distributed_and_that_is_said(tmp_path, capsys):
    pytest.importorskip("distributed", exc_type=ModuleNotFoundError)
    tifffile.imwrite(tmp_path / "small.tif", scene((40, 40), 1))
    given = "--out", tmp_path / "o", "--dask", "local:2", tmp_path / "small.tif"
    assert called(Blobs(TRAINED_SCALE=1.0), *given) == 0
    assert "--dask: a single image is distributed by its tiles, and this one needs none" in capsys.readouterr().out


def test_a_pixel_size_that_is_missing_is_said_once(tmp_path, capsys):
    for i in range(3):
        tifffile.imwrite(tmp_path / f"{i}.tif", scene((40, 40), i))
    detector = Blobs(TRAINED_SCALE=1.0, TRAINED_PIXEL_NM=[10, 10])
    assert called(detector, "--out", tmp_path / "o", "--part-size", "1", tmp_path) == 0
    assert capsys.readouterr().out.count("Images that do not state their pixel size are not scaled") == 1
    given = "--out", tmp_path / "p", "--object-size", "pixel-size", tmp_path / "1.tif"
    assert called(Blobs(TRAINED_SCALE=1.0), *given) == 0
    assert "does not record the pixel size of its training images" in capsys.readouterr().out
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "q", tmp_path / "1.tif") == 0
    assert "pixel size" not in capsys.readouterr().out


# --- Names, Zarr, Dask ---
def test_names_tell_images_apart(tmp_path):
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
