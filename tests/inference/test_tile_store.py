"""Finished tiles are complete files or do not exist, and are used only for the run they belong to."""

import functools
import json

import numpy as np
import pytest
import tiling_fakes

from mrcnn.config import Config, SemanticConfig
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.inference.tile_store import (
    WITHOUT_EFFECT,
    TileStore,
    fingerprint,
    read_instances,
    settings_fingerprint,
    write_instances,
)
from mrcnn.inference.tiling import ArraySource, TilePlan
from mrcnn.results.watershed import WatershedSettings

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
    store.put(3, found, "a")
    store.put(12, Instances((64, 64)), "b")
    again = TileStore(folder, RUN)
    assert sorted(again.tiles) == [3, 12] and again.digests == store.digests == {3: "a", 12: "b"}
    assert tiling_fakes.as_set(again.tiles[3]) == tiling_fakes.as_set(found) and len(again.tiles[12]) == 0


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_damaged_tile_is_computed_again(tmp_path, damage):
    store = TileStore(tmp_path, RUN)
    store.put(0, tiling_fakes.squares((64, 64), 5, 20), "a")
    store.put(1, tiling_fakes.squares((64, 64), 5, 20), "b")
    path = tmp_path / "tile_000001.npz"
    path.write_bytes(path.read_bytes()[:-60] if damage is None else damage)
    assert sorted(TileStore(tmp_path, RUN).tiles) == [0]


def test_a_tile_without_a_digest_and_one_that_was_dropped_are_not_kept(tmp_path):
    store = TileStore(tmp_path, RUN)
    store.put(0, tiling_fakes.squares((64, 64), 5, 20))
    store.put(1, tiling_fakes.squares((64, 64), 5, 20), "b")
    assert sorted(store.tiles) == [0, 1] and sorted(TileStore(tmp_path, RUN).tiles) == [1]
    store.drop(1)
    assert sorted(store.tiles) == sorted(store.digests) == [0]


def test_tiles_of_another_run_are_rejected_and_unchanged(tmp_path):
    TileStore(tmp_path, RUN).put(0, Instances((64, 64)), "a")
    with pytest.raises(ConfigError, match=r"another run \(different tiles\)"):
        TileStore(tmp_path, {**RUN, "tiles": [64, 24]})
    assert list(TileStore(tmp_path, RUN).tiles) == [0]


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_tiles_of_an_unknown_run_are_rejected(tmp_path, text):
    TileStore(tmp_path, RUN).put(0, Instances((64, 64)), "a")
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
    source = ArraySource(np.zeros((100, 120), np.uint8) if image is None else image)
    return fingerprint(Detector(**settings), source, TilePlan(source.shape, tile, 16, rule))


def test_a_run_is_identified_by_what_its_tiles_depend_on():
    run = run_of()
    assert json.loads(json.dumps(run)) == run == run_of()
    assert run_of(rule="corner")["tiles"] == ["seed", 64, 64, 16, 16]  # as in folders written by earlier versions
    for other, names in [
        (run_of(np.ones((100, 120), np.uint8)), set()),  # compared tile by tile
        (run_of(np.zeros((100, 121), np.uint8)), {"image size"}),
        (run_of(tile=48), {"tiles"}),
        (run_of(rule="corner"), {"tiles"}),
        (run_of(DETECTION_MIN_CONFIDENCE=0.9), {"settings"}),
        (run_of(rule="merge"), set()),
        (run_of(LEARNING_RATE=0.5, IMAGES_PER_GPU=7), set()),
    ]:
        assert {name for name in run if run[name] != other[name]} == names


def settings_of(config=None, **attributes):
    """`settings_fingerprint` of a detector with this config and these prediction attributes."""
    names = {"PREDICTION_ATTRIBUTES": tuple(attributes), **attributes}
    return settings_fingerprint(type("Other", (), {"config": config, **names})())


@pytest.mark.parametrize("kind", [Config, SemanticConfig])
def test_every_setting_that_is_not_listed_as_without_effect_is_in_the_key(kind):
    known = {*kind.known_names(), *kind.COMPUTED}
    assert WITHOUT_EFFECT <= known
    before = settings_of(kind())
    for name in sorted(known):
        config = kind()
        setattr(config, name, [7, 7, 3] if name == "IMAGE_SHAPE" else 12345)
        assert (settings_of(config) == before) == (name in WITHOUT_EFFECT), name


def test_settings_of_a_users_own_class_are_in_the_key():
    class Thing:
        pass

    class Own(Config):
        CROP_BORDER = 3
        THING = Thing()  # its repr contains an address
        COLOURS = {(0, 0, 0): "background", 1: {"a", "b"}}

    class Same(Own):
        THING = Thing()

    class Other(Own):
        CROP_BORDER = 4

    assert settings_of(Config()) != settings_of(Own()) == settings_of(Same()) != settings_of(Other())


def test_a_backbone_given_as_a_partial_function_is_the_same_in_every_process():
    def backbone(width):
        return width

    first, second = ("<function backbone at 0x7f00>", "<function backbone at 0x7fee>")
    assert settings_of(Config(BACKBONE=first)) == settings_of(Config(BACKBONE=second))
    partials = [Config(BACKBONE=functools.partial(backbone, width)) for width in (1, 1, 2)]
    one, same, other = map(settings_of, partials)
    assert one == same != other


@pytest.mark.parametrize(
    ("value", "same", "other"),
    [
        (WatershedSettings(), WatershedSettings(), WatershedSettings(seed_depth_px=2.0)),
        (False, False, True),
        (None, None, 0.5),
        (np.float64(0.5), 0.5, 0.25),
        (np.array([1, 2]), [1, 2], [1, 3]),
    ],
)
def test_attributes_that_change_predictions_are_in_the_key(value, same, other):
    assert settings_of(flips=value) == settings_of(flips=same) != settings_of(flips=other)
    assert settings_of(flips=value) != settings_of(other_name=value)


# --- Folders of earlier versions ---
def of_format_1(folder, **changed):
    """A folder with two tiles as the first format had it; the key contains rows of pixels, and tiles have no digest."""
    run = {"format": 1, "image": "rows", **RUN, "settings": "few", **changed}
    folder.mkdir()
    (folder / "tiles.json").write_text(json.dumps(run))
    for index in range(2):
        write_instances(folder / f"tile_{index:06d}.npz", Instances((64, 64)))
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_tiles_of_an_earlier_version_are_computed_again(tmp_path, capsys):
    folder, run = tmp_path / "tiles", {**RUN, "settings": "all"}
    del run["image"]
    of_format_1(folder)
    assert TileStore(folder, run).tiles == {}
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{folder}: an earlier version wrote the tiles here" in said
    store = TileStore(folder, run)
    store.put(1, Instances((64, 64)), "a")
    assert list(TileStore(folder, run).tiles) == [1] and capsys.readouterr().err == ""
    with pytest.raises(ConfigError, match="different settings"):
        TileStore(folder, {**run, "settings": "others"})


def test_tiles_whose_run_lacks_what_now_belongs_to_it_are_computed_again(tmp_path, capsys):
    TileStore(tmp_path, RUN).put(0, Instances((64, 64)), "a")
    assert TileStore(tmp_path, {**RUN, "new": 1}).tiles == {}
    assert "an earlier version wrote the tiles here" in capsys.readouterr().err
    assert TileStore(tmp_path, {**RUN, "new": 1}).tiles == {}


def test_tiles_of_another_run_of_an_earlier_version_are_rejected_and_unchanged(tmp_path):
    before = of_format_1(tmp_path / "tiles", tiles=[64, 24])
    with pytest.raises(ConfigError, match=r"another run \(different tiles\)"):
        TileStore(tmp_path / "tiles", {"tiles": RUN["tiles"], "settings": "all"})
    assert {path: path.read_bytes() for path in (tmp_path / "tiles").iterdir()} == before


def test_tiles_of_a_later_version_are_rejected(tmp_path):
    before = of_format_1(tmp_path / "tiles", format=99)
    with pytest.raises(ConfigError, match="different format"):
        TileStore(tmp_path / "tiles", {"tiles": RUN["tiles"]})
    assert {path: path.read_bytes() for path in (tmp_path / "tiles").iterdir()} == before


def test_what_a_killed_run_was_writing_is_removed(tmp_path):
    TileStore(tmp_path, RUN).put(0, Instances((64, 64)), "a")
    for name in (".writing-1.npz", ".writing-2.json"):
        (tmp_path / name).write_text("half")
    TileStore(tmp_path, RUN)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tile_000000.npz", "tiles.json"]
