"""Settings: Matterport's names and defaults, rejected values, and round trips through files."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matterport_names import SETTINGS

from mrcnn.config import Config, SemanticConfig
from mrcnn.errors import ConfigError


class Cells(Config):
    NAME = "cells"
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    STAIN = "DAPI"  # a user's own setting


def same(one, other):
    """Whether two settings have the same value; a list equals an array of the same numbers."""
    if isinstance(one, (list, tuple, np.ndarray)):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return one == other and type(one) is type(other)


def test_defaults_are_matterports():
    """On the class, as scripts read them, and on an instance."""
    wrong = {
        (type(owner).__name__, name): getattr(owner, name)
        for owner in (Config, Config())
        for name, value in SETTINGS.items()
        if not same(getattr(owner, name), value)
    }
    assert wrong == {}


def test_kinds_of_defaults_that_scripts_calculate_with():
    for name in ("MEAN_PIXEL", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
        assert isinstance(getattr(Config(), name), np.ndarray)
    assert isinstance(Config().RPN_ANCHOR_SCALES, tuple)


def test_defaults_are_valid():
    Config().validate()
    Cells().validate(["BG", "cell"])


def test_settings_of_semantic_models():
    SemanticConfig().validate(["BG", "cell"])
    with pytest.raises(ConfigError, match="NUM_CLASSES is 1, but a semantic model distinguishes 2 to 255"):
        SemanticConfig(NUM_CLASSES=1).validate()


# --- computed attributes ---
def test_computed_attributes_follow_the_settings():
    config = Cells(IMAGES_PER_GPU=3, GPU_COUNT=2, IMAGE_CHANNEL_COUNT=4)
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_SHAPE.tolist() == [128, 128, 4]
    assert config.IMAGE_META_SIZE == 1 + 3 + 3 + 4 + 1 + 2
    config.IMAGES_PER_GPU, config.IMAGE_MAX_DIM, config.NUM_CLASSES = 1, 192, 5
    assert (config.BATCH_SIZE, config.IMAGE_SHAPE.tolist(), config.IMAGE_META_SIZE) == (2, [192, 192, 4], 17)


def test_channels_of_an_image_shape_set_by_hand():
    """The original's recipe for other channel counts."""

    class Bands(Config):
        def __init__(self, count):
            self.IMAGE_SHAPE = np.array([128, 128, count])

    assert Bands(8).IMAGE_CHANNEL_COUNT == 8
    config = Cells(IMAGE_CHANNEL_COUNT=4)
    config.IMAGE_SHAPE = [64, 64, 3]
    assert config.IMAGE_CHANNEL_COUNT == 4


def test_image_shape_in_crop_mode_is_the_crop():
    assert Cells(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64).IMAGE_SHAPE.tolist() == [64, 64, 3]
    assert Cells(IMAGE_RESIZE_MODE="fit", IMAGE_MIN_DIM=64).IMAGE_SHAPE.tolist() == [128, 128, 3]


def test_computed_attributes_set_by_hand_win():
    config = Cells()
    config.BATCH_SIZE, config.IMAGE_SHAPE, config.IMAGE_META_SIZE = 5, [64, 128, 3], 14
    assert (config.BATCH_SIZE, config.IMAGE_SHAPE.tolist(), config.IMAGE_META_SIZE) == (5, [64, 128, 3], 14)
    assert Cells.from_dict(config.to_dict()).BATCH_SIZE == 5
    assert "BATCH_SIZE" not in Cells().to_dict()


def test_computed_attribute_of_a_subclass_has_no_effect_as_in_the_original():
    class Stale(Cells):
        BATCH_SIZE, IMAGE_SHAPE = 0, [1024, 1024, 3]

    class Child(Stale):
        IMAGES_PER_GPU = 3

    with pytest.warns(UserWarning) as said:
        config = Child()
    assert any("Stale.BATCH_SIZE = 0 has no effect" in str(w.message) for w in said) and len(said) == 2
    assert (config.BATCH_SIZE, config.IMAGE_SHAPE.tolist()) == (3, [128, 128, 3])
    assert "BATCH_SIZE" not in config.to_dict()
    config.validate()


def test_settings_on_the_instance_take_effect_and_stay_there():
    config = Cells()
    config.MEAN_PIXEL = np.array([1.0, 2.0, 3.0])
    config.LOSS_WEIGHTS["mrcnn_mask_loss"] = 2.0
    config.BACKBONE_STRIDES[0] = 8
    assert config.MEAN_PIXEL.tolist() == [1, 2, 3]
    assert Cells().LOSS_WEIGHTS["mrcnn_mask_loss"] == 1.0
    assert Cells().BACKBONE_STRIDES[0] == 4


def test_a_subclass_may_set_values_before_calling_our_constructor():
    class Early(Config):
        def __init__(self):
            self.MEAN_PIXEL = np.array([7.0, 7.0, 7.0])
            super().__init__()

    assert Early().MEAN_PIXEL.tolist() == [7, 7, 7]


def test_mask_slots_are_the_positive_share_of_the_rois():
    assert Config().MASK_SLOTS == 66
    assert Config(TRAIN_ROIS_PER_IMAGE=1).MASK_SLOTS == 1


# --- to a file and back ---
def test_json_round_trip_keeps_values_and_kinds(tmp_path):
    config = Cells(
        MEAN_PIXEL=np.array([1.5, 2.0, 3.0]), RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128), PIXEL_SIZE_NM=(5.0, 4.0)
    )
    config.to_json(tmp_path / "config.json")
    again = Cells.from_json(tmp_path / "config.json")
    assert again.to_dict() == config.to_dict()
    for name in Cells.known_names():
        assert same(getattr(config, name), getattr(again, name)), name
    assert isinstance(again.MEAN_PIXEL, np.ndarray)
    assert again.RPN_ANCHOR_SCALES == (8, 16, 32, 64, 128)
    assert again.PIXEL_SIZE_NM == [5.0, 4.0]
    assert list(tmp_path.iterdir()) == [tmp_path / "config.json"]


def test_callables_are_written_by_their_name():
    def tiny_net(image, stage5, train_bn):
        return image

    assert Config(BACKBONE=tiny_net, COMPUTE_BACKBONE_SHAPE=len).to_dict()["BACKBONE"] == "tiny_net"


values = {
    "IMAGES_PER_GPU": st.integers(1, 64),
    "LEARNING_RATE": st.floats(0, 1),
    "NAME": st.none() | st.text(),
    "MEAN_PIXEL": st.lists(st.floats(0, 255), min_size=3, max_size=3).map(np.array),
    "RPN_ANCHOR_SCALES": st.tuples(*[st.integers(1, 512)] * 5),
    "RPN_ANCHOR_RATIOS": st.lists(st.floats(0.1, 9), min_size=1),
    "TRAIN_BN": st.sampled_from([None, False, True]),
    "IMAGE_MAX_DIM": st.integers(2, 20).map(lambda n: 64 * n),
    "STAIN": st.text(),
    "BATCH_SIZE": st.integers(1, 8),
}


@given(st.fixed_dictionaries({}, optional=values))
def test_any_valid_settings_survive_the_way_through_json(settings):
    config = Cells(**settings)
    config.validate()
    again = Cells.from_dict(json.loads(json.dumps(config.to_dict())))
    again.validate()
    for name in Cells.known_names():
        assert same(getattr(again, name), getattr(config, name)), name


anything = st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(st.sampled_from(sorted(Config.known_names())), anything)
def test_any_value_is_either_usable_or_a_config_error(name, value):
    try:
        Config.from_dict({name: value}).validate()
    except ConfigError as error:
        assert str(error)


class Stained(Cells):
    """A user's config with settings of its own, one of them close to a name of ours."""

    STAINS = ("DAPI", "phalloidin")
    GPU_COUNT, CPU_COUNT = 1, 4


def test_own_settings_survive_in_the_file_of_a_run_that_another_class_reads(tmp_path):
    Stained(STAINS=["SiR"]).to_json(tmp_path / "config.json")
    read = Config.from_json(tmp_path / "config.json")
    read.validate()
    assert (read.STAINS, read.CPU_COUNT, read.NUM_CLASSES) == (["SiR"], 4, 2)
    read.to_json(tmp_path / "again.json")  # as a training that is resumed
    again = Stained.from_json(tmp_path / "again.json")
    assert (again.STAINS, again.CPU_COUNT) == (("SiR",), 4)


@pytest.mark.parametrize("name", ["stains", "_STAINS", "3"])
def test_names_that_are_not_settings_are_refused(name):
    with pytest.raises(ConfigError, match="There is no setting"):
        Config.from_dict({name: 1})


def test_file_with_an_unknown_name_says_which_file(tmp_path):
    (tmp_path / "config.json").write_text('{"NUM_CLASES": 2}')
    with pytest.raises(ConfigError, match="config.json.*NUM_CLASES. Did you mean NUM_CLASSES"):
        Config.from_json(tmp_path / "config.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"3"])
def test_file_without_settings_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ConfigError, match="config.json"):
        Config.from_json(tmp_path / "config.json")


def test_missing_file_and_unwritable_place_are_named(tmp_path):
    with pytest.raises(ConfigError, match="absent.json"):
        Config.from_json(tmp_path / "absent.json")
    with pytest.raises(ConfigError, match="absent.*cannot be written"):
        Config().to_json(tmp_path / "absent" / "config.json")


def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    Cells().to_json(path)
    before = path.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        Cells(NUM_CLASSES=3).to_json(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- from the command line ---
@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("IMAGES_PER_GPU=1", "IMAGES_PER_GPU", 1),
        ("LEARNING_RATE=1e-4", "LEARNING_RATE", 1e-4),
        ("LEARNING_RATE=.5", "LEARNING_RATE", 0.5),
        ("BACKBONE=mobilenet_v2", "BACKBONE", "mobilenet_v2"),
        ("USE_MINI_MASK=False", "USE_MINI_MASK", False),
        ("USE_MINI_MASK=false", "USE_MINI_MASK", False),
        ("TRAIN_BN=None", "TRAIN_BN", None),
        ("TRAIN_BN=null", "TRAIN_BN", None),
        ("NAME=2024", "NAME", "2024"),
        ("RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128)", "RPN_ANCHOR_SCALES", (8, 16, 32, 64, 128)),
        ("RPN_ANCHOR_SCALES=[8,16,32,64,128]", "RPN_ANCHOR_SCALES", (8, 16, 32, 64, 128)),
        ("MINI_MASK_SHAPE=(28, 28,)", "MINI_MASK_SHAPE", (28, 28)),
        ("LOSS_WEIGHTS={'mrcnn_mask_loss': 2}", "LOSS_WEIGHTS", {"mrcnn_mask_loss": 2}),
    ],
)
def test_setting_from_text(text, name, value):
    config = Config()
    config.set_from_text(text)
    assert getattr(config, name) == value
    assert type(getattr(config, name)) is type(value)


def test_arrays_from_text_become_arrays():
    config = Config()
    config.set_from_text("MEAN_PIXEL=(40, 41.5, 42)")
    assert isinstance(config.MEAN_PIXEL, np.ndarray)
    assert config.MEAN_PIXEL.tolist() == [40, 41.5, 42]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IMAGES_PER_GPU", "expected NAME=VALUE"),
        ("=1", "expected NAME=VALUE"),
        ("IMAGES_PR_GPU=1", "Did you mean IMAGES_PER_GPU"),
        ("images_per_gpu=1", "Did you mean IMAGES_PER_GPU"),
    ],
)
def test_bad_text_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        Config().set_from_text(text)


def test_display_prints_every_setting(capsys):
    config = Cells()
    config.MICROSCOPE = "Talos"
    config.display()
    printed = capsys.readouterr().out
    assert "Configurations:" in printed
    names = [line.split()[0] for line in printed.splitlines()[2:] if line]
    assert names == sorted([*Cells.known_names(), "MICROSCOPE"])
    assert {"BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE", "STAIN"} <= set(names)


@pytest.mark.parametrize(
    ("known", "found", "refused"),
    [
        (("BG", "b", "a"), ["BG", "a", "b"], True),
        (("BG", "a", "b"), ["BG", "a", "b"], False),
        (("BG", "a", "b"), ["BG", "a", "c"], False),
        (("BG", "a", "b"), ["BG", "c", "a"], True),
        (("BG", "a", "a"), ["BG", "a", "a"], False),
        (("BG", "cell"), ["BG", "object"], False),
        (None, ["BG", "a", "b"], False),
    ],
)
def test_a_class_has_the_same_id_in_the_settings_and_the_data_set(known, found, refused):
    config = Config(NUM_CLASSES=len(found), CLASS_NAMES=known)
    if refused:
        with pytest.raises(ConfigError, match=r"The class . is number . in CLASS_NAMES .*--classes"):
            config.validate(found)
    else:
        config.validate(found)
