"""A tiled detection that was interrupted takes only tiles of the same pixels, weights and settings."""

import os
import signal
import subprocess
import sys
import tempfile

import killed_tiling
import numpy as np
import pytest
import tiling_fakes
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config, SemanticConfig
from mrcnn.errors import ConfigError, DataError
from mrcnn.inference.tiling import ArraySource, TilePlan, detect_tiled, detect_windows
from mrcnn.results.watershed import WatershedSettings

TILES = {"tile": 64, "overlap": 24, "progress": False}


def killed(folder, tiles, place):
    done = subprocess.run(
        [sys.executable, killed_tiling.__file__, str(folder), str(tiles), place],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    return sorted(p.name for p in folder.glob("tile_*.npz"))


def test_a_killed_run_loses_at_most_the_current_tile(tmp_path):
    folder, image = tmp_path / "tiles", killed_tiling.image()
    assert len(killed(folder, 5, "predict")) == 5
    kept = killed(folder, 3, "writing")
    assert len(kept) == 8 and len(list(folder.glob(".writing-*"))) == 1
    detector = tiling_fakes.Exact()
    found = detect_tiled(detector, image, **killed_tiling.TILES, progress=False, resume_dir=folder)
    plan = TilePlan(killed_tiling.SHAPE, **killed_tiling.TILES, rule="centre")
    assert len(detector.calls) == len(plan.windows) - 8
    whole = detect_tiled(tiling_fakes.Exact(), image, **killed_tiling.TILES, progress=False)
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(whole) and len(found) > 20
    assert not list(folder.glob(".writing-*"))


def test_finished_tiles_are_reused_for_another_rule_and_score(tmp_path):
    truth = tiling_fakes.squares((150, 150), 30, 20)
    image, detector = tiling_fakes.encoded(truth), tiling_fakes.Exact()
    detect_tiled(detector, image, 64, 24, progress=False, resume_dir=tmp_path)
    count = len(detector.calls)
    found = detect_tiled(detector, image, 64, 24, "merge", min_score=0.505, progress=False, resume_dir=tmp_path)
    assert len(detector.calls) == count
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(truth.select(truth.scores >= 0.505))


def test_a_read_error_names_the_file_and_keeps_finished_tiles(tmp_path):
    truth = tiling_fakes.squares((300, 100), 40, 30)
    image = tiling_fakes.encoded(truth)
    source = tiling_fakes.Broken(image, 200, tmp_path)
    detector = tiling_fakes.Exact()
    with pytest.raises(DataError, match=r"wafer\.tif: cannot be read in rows 1\d\d to .*unexpected end") as caught:
        detect_tiled(detector, source, 100, 40, batch=4, progress=False, resume_dir=tmp_path / "tiles")
    windows = TilePlan(source.shape, 100, 40, "centre").windows
    good = int((windows[:, 2] <= 200).sum())
    assert 0 < good < len(windows) and good % 4
    assert f"{good} of {len(windows)} tiles are kept in {tmp_path / 'tiles'}" in str(caught.value)
    (tmp_path / "mended").touch()
    detector.calls.clear()
    found = detect_tiled(detector, source, 100, 40, progress=False, resume_dir=tmp_path / "tiles")
    assert len(detector.calls) == len(windows) - good
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(truth)


def test_a_read_error_without_a_folder_promises_nothing(tmp_path):
    source = tiling_fakes.Broken(np.zeros((300, 100, 2), np.uint8), 200, tmp_path)
    with pytest.raises(DataError, match="wafer.tif") as caught:
        detect_tiled(tiling_fakes.Exact(), source, 100, 40, progress=False)
    assert "kept" not in str(caught.value)


class Interrupted(tiling_fakes.Exact):
    """Ends with a KeyboardInterrupt instead of its call number `last`, counted from 0."""

    def __init__(self, last):
        super().__init__()
        self.last = last

    def predict(self, images):
        if len(self.calls) == self.last:
            raise KeyboardInterrupt
        return super().predict(images)


@given(st.data(), st.integers(0, 2**32), st.integers(1, 3), st.sampled_from(["centre", "merge"]))
def test_a_run_interrupted_anywhere_equals_an_uninterrupted_one(data, seed, batch, rule):
    shape = data.draw(st.tuples(st.integers(20, 140), st.integers(20, 140)))
    image = tiling_fakes.encoded(tiling_fakes.squares(shape, 25, 24, seed))
    total = len(TilePlan(shape, 64, 24, rule).windows)
    last = data.draw(st.integers(0, -(-total // batch) - 1))
    with tempfile.TemporaryDirectory() as folder:
        options = {**TILES, "rule": rule, "batch": batch, "resume_dir": folder}
        with pytest.raises(KeyboardInterrupt):
            detect_tiled(Interrupted(last), image, **options)
        if data.draw(st.booleans()):  # the image is edited before the run is resumed
            y, x = (data.draw(st.integers(0, side - 1)) for side in shape)
            image[y : y + 9, x : x + 9] = 3  # an object with a number of its own
        found = detect_tiled(tiling_fakes.Exact(), image, **options)
        third = tiling_fakes.Exact()
        assert tiling_fakes.as_set(detect_tiled(third, image, **options)) == tiling_fakes.as_set(found)
        assert third.calls == []
    whole = detect_tiled(tiling_fakes.Exact(), image, **TILES, rule=rule)
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(whole)


# --- Other pixels ---
def test_another_image_is_detected_anew_even_if_most_of_its_rows_are_the_same(tmp_path, capsys):
    empty = np.zeros((64, 64, 2), np.uint8)
    image = empty.copy()
    image[10:20, 10:20] = 1  # the rows in the middle of the tile are empty in both
    assert len(detect_tiled(tiling_fakes.Exact(), empty, **TILES, resume_dir=tmp_path)) == 0
    assert capsys.readouterr().err == ""
    detector = tiling_fakes.Exact()
    assert len(detect_tiled(detector, image, **TILES, resume_dir=tmp_path)) == 1 and len(detector.calls) == 1
    assert capsys.readouterr().err == (
        f"array: the image has changed since the tiles in {tmp_path} were computed, so 1 of 1 tiles are computed "
        "again.\n"
    )


def test_only_the_tile_that_changed_is_computed_again(tmp_path, capsys):
    image = tiling_fakes.encoded(tiling_fakes.squares((150, 150), 30, 20))
    total = len(TilePlan(image.shape, **{n: TILES[n] for n in ("tile", "overlap")}, rule="centre").windows)
    with pytest.raises(KeyboardInterrupt):
        detect_tiled(Interrupted(total - 1), image, **TILES, resume_dir=tmp_path)
    image[0, 0] = 99  # only in the first tile
    detector = tiling_fakes.Exact()
    found = detect_tiled(detector, image, **TILES, resume_dir=tmp_path)
    assert len(detector.calls) == 2  # the first and the last tile
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(detect_tiled(tiling_fakes.Exact(), image, **TILES))
    assert f"so 1 of {total - 1} tiles are computed again" in capsys.readouterr().err


def test_a_finished_run_needs_no_network_and_reads_within_bounds(tmp_path, capsys):
    image = np.zeros((100, 200, 2), np.uint8)
    detect_tiled(tiling_fakes.Exact(), image, **TILES, resume_dir=tmp_path)
    detector = tiling_fakes.Exact()
    detect_tiled(detector, image, **{**TILES, "progress": True}, resume_dir=tmp_path)
    shown = capsys.readouterr().err
    assert detector.calls == [] and "kept tiles" in shown and "10/10" in shown and "changed" not in shown


def test_the_pixels_are_compared_after_the_conversion_of_the_source(tmp_path):
    """The number range of the whole image decides what the network gets in every tile."""
    image = np.zeros((64, 128, 1), np.uint16)
    image[:, :2] = 1000
    detector = tiling_fakes.Exact()
    detector.predict = lambda images: seen.extend(images) or [tiling_fakes.Instances(i.shape[:2]) for i in images]
    for top, computed in ((1000, 3), (1000, 0), (2000, 1)):
        seen, image[:, 30] = [], top
        detect_tiled(detector, image, **TILES, resume_dir=tmp_path)
        assert len(seen) == computed


def test_kept_tiles_whose_window_cannot_be_read_for_a_while_are_not_lost(tmp_path):
    truth = tiling_fakes.squares((300, 100), 40, 30)
    source, folder = tiling_fakes.Broken(tiling_fakes.encoded(truth), 200, tmp_path), tmp_path / "tiles"
    (tmp_path / "mended").touch()
    detect_tiled(tiling_fakes.Exact(), source, 100, 40, progress=False, resume_dir=folder)
    (tmp_path / "mended").unlink()
    with pytest.raises(DataError, match=r"wafer\.tif: cannot be read in rows 1\d\d to .* tiles are kept in"):
        detect_tiled(tiling_fakes.Exact(), source, 100, 40, progress=False, resume_dir=folder)
    (tmp_path / "mended").touch()
    detector = tiling_fakes.Exact()
    found = detect_tiled(detector, source, 100, 40, progress=False, resume_dir=folder)
    assert detector.calls == [] and tiling_fakes.as_set(found) == tiling_fakes.as_set(truth)


def test_a_bug_in_a_source_is_not_taken_for_a_change(tmp_path):
    class Buggy(ArraySource):
        def read(self, *window):
            if list(tmp_path.glob("tile_*.npz")):
                raise TypeError("bug")
            return super().read(*window)

    image = np.zeros((64, 64, 2), np.uint8)
    detect_tiled(tiling_fakes.Exact(), Buggy(image), **TILES, resume_dir=tmp_path)
    with pytest.raises(TypeError, match="bug"):
        detect_tiled(tiling_fakes.Exact(), Buggy(image), **TILES, resume_dir=tmp_path)


def test_an_executor_that_yields_no_digests(tmp_path):
    def pairs(*arguments):
        yield from (pair for *pair, _ in detect_windows(*arguments))

    image = tiling_fakes.encoded(tiling_fakes.squares((150, 150), 30, 20))
    found = detect_tiled(tiling_fakes.Exact(), image, **TILES, resume_dir=tmp_path, executor=pairs)
    detector = tiling_fakes.Exact()
    again = detect_tiled(detector, image, **TILES, resume_dir=tmp_path)
    assert detector.calls == [] and tiling_fakes.as_set(again) == tiling_fakes.as_set(found)
    image[0, 0] = 99
    detect_tiled(detector, image, **TILES, resume_dir=tmp_path, executor=pairs)
    assert len(detector.calls) == 1


# --- Other settings ---
@pytest.mark.parametrize("value", [True, False])
def test_tiles_of_another_rule_for_grey_levels_are_rejected(tmp_path, value):
    class WithConfig(tiling_fakes.Exact):
        config = Config(IMAGES_PER_GPU=1)

    image = np.zeros((64, 64, 2), np.uint16)
    detect_tiled(WithConfig(), image, **TILES, resume_dir=tmp_path)
    WithConfig.config = Config(IMAGES_PER_GPU=1, SCALE_INTENSITY=value)
    detector = WithConfig()
    with pytest.raises(ConfigError, match=r"another run \(different settings\)"):
        detect_tiled(detector, image, **TILES, resume_dir=tmp_path)
    assert detector.calls == []


def test_tiles_of_another_watershed_are_rejected(tmp_path):
    from mrcnn.engine.segmenter import SemanticSegmenter
    from mrcnn.nets.backbones import CALLABLES

    backbone, shapes = CALLABLES["small_resnet"]
    config = SemanticConfig(
        BACKBONE=backbone, COMPUTE_BACKBONE_SHAPE=shapes, SEMANTIC_DECODER=(8, 8, 8, 8), SEMANTIC_CROP=32
    )
    segmenter = SemanticSegmenter("inference", config, tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    options = {**TILES, "batch": 1, "resume_dir": tmp_path / "tiles"}
    found = detect_tiled(segmenter, image, **options)
    for name, value in (("watershed", WatershedSettings(threshold=0.4)), ("flips", True)):
        before = getattr(segmenter, name)
        setattr(segmenter, name, value)
        with pytest.raises(ConfigError, match=r"another run \(different settings\)"):
            detect_tiled(segmenter, image, **options)
        setattr(segmenter, name, before)
    segmenter.watershed = WatershedSettings(**segmenter.watershed.to_dict())  # another object of the same values
    segmenter.predict = None  # not called
    assert tiling_fakes.as_set(detect_tiled(segmenter, image, **options)) == tiling_fakes.as_set(found)
