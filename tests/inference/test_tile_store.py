"""Finished tiles are complete files or do not exist, and are used only for the run they belong to."""

import json

import numpy as np
import pytest
import tiling_fakes

from mrcnn.config import Config
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.inference.tile_store import TileStore, fingerprint, read_instances, write_instances
from mrcnn.inference.tiling import ArraySource, TilePlan, read_window

RUN = {"image": "a", "tiles": [64, 16]}


@pytest.mark.parametrize("count", [0, 1, 30])
def test_objects_are_read_back_unchanged(tmp_path, count):
    found = tiling_fakes.squares((90, 110), count, 25)
    write_instances(tmp_path / "tile_000000.npz", found)
    back = read_instances(tmp_path / "tile_000000.npz")
    assert back.image_shape == found.image_shape and tiling_fakes.as_set(back) == tiling_fakes.as_set(found)


def test_masks_take_one_bit_per_pixel(tmp_path):
    mask = np.random.default_rng(0).random((800, 800)) < 0.5
    write_instances(tmp_path / "a.npz", Instances((1000, 1000), [[0, 0, 800, 800]], [1], [0.5], [mask]))
    assert (tmp_path / "a.npz").stat().st_size < 800 * 800 / 8 + 2000


def test_a_store_is_resumed(tmp_path):
    folder = tmp_path / "deep" / "tiles"
    store = TileStore(folder, RUN)
    found = tiling_fakes.squares((64, 64), 5, 20)
    store.put(3, found)
    store.put(12, Instances((64, 64)))
    again = TileStore(folder, RUN)
    assert sorted(again.tiles) == [3, 12]
    assert tiling_fakes.as_set(again.tiles[3]) == tiling_fakes.as_set(found) and len(again.tiles[12]) == 0


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_damaged_tile_is_computed_again(tmp_path, damage):
    store = TileStore(tmp_path, RUN)
    store.put(0, tiling_fakes.squares((64, 64), 5, 20))
    store.put(1, tiling_fakes.squares((64, 64), 5, 20))
    path = tmp_path / "tile_000001.npz"
    path.write_bytes(path.read_bytes()[:-60] if damage is None else damage)
    assert sorted(TileStore(tmp_path, RUN).tiles) == [0]


def test_tiles_of_another_run_are_rejected_and_unchanged(tmp_path):
    TileStore(tmp_path, RUN).put(0, Instances((64, 64)))
    with pytest.raises(ConfigError, match=r"another run \(different tiles\)"):
        TileStore(tmp_path, {**RUN, "tiles": [64, 24]})
    assert list(TileStore(tmp_path, RUN).tiles) == [0]


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_tiles_of_an_unknown_run_are_rejected(tmp_path, text):
    TileStore(tmp_path, RUN).put(0, Instances((64, 64)))
    (tmp_path / "tiles.json").unlink() if text is None else (tmp_path / "tiles.json").write_text(text)
    with pytest.raises(ConfigError, match="another run"):
        TileStore(tmp_path, RUN)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        TileStore(tmp_path / "file", RUN)


class Detector(tiling_fakes.Exact):
    def __init__(self, **settings):
        super().__init__()
        self.config = Config(**settings)


def run_of(image=None, tile=64, rule="centre", **settings):
    source = ArraySource(np.arange(100 * 120).reshape(100, 120).astype(np.uint8) if image is None else image)
    return fingerprint(Detector(**settings), source, TilePlan(source.shape, tile, 16, rule), read_window)


def test_a_run_is_identified_by_what_its_tiles_depend_on():
    run = run_of()
    assert json.loads(json.dumps(run)) == run == run_of()
    assert run_of(rule="corner")["tiles"] == ["seed", 64, 64, 16, 16]  # as in folders written by earlier versions
    for other, names in [
        (run_of(np.zeros((100, 120), np.uint8)), {"image"}),
        (run_of(np.zeros((100, 121), np.uint8)), {"image", "image size"}),
        (run_of(tile=48), {"tiles", "image"}),
        (run_of(rule="corner"), {"tiles"}),
        (run_of(DETECTION_MIN_CONFIDENCE=0.9), {"settings"}),
        (run_of(rule="merge"), set()),
        (run_of(LEARNING_RATE=0.5, IMAGES_PER_GPU=7), set()),
    ]:
        assert {name for name in run if run[name] != other[name]} == names
