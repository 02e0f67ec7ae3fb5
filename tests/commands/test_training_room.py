"""MAX_GT_INSTANCES is raised to the fullest image, unless it is given."""

import re

import pytest
from counted_objects import Counted

from mrcnn.commands.training_room import MOST_OBJECTS, make_room, room_gb
from mrcnn.config import Config
from mrcnn.options.training_options import TrainingOptions


@pytest.mark.parametrize(
    ("counts", "options", "settings", "room", "said"),
    [
        ((5, 160), {}, {}, 160, "i1.tif has 160 objects: MAX_GT_INSTANCES is raised from 100 to 160"),
        ((5, 7), {}, {}, 100, ""),
        ((5, 160), {"set": ("MAX_GT_INSTANCES=100",)}, {}, 100, ""),
        ((5, 160), {"set": ("SEED=1",)}, {}, 160, "i1.tif has 160"),
        ((5, 160), {}, {"SEMANTIC_MODEL": "unet"}, 100, ""),
        ((5, 4000), {}, {}, MOST_OBJECTS, "to 1000.*With --set MAX_GT_INSTANCES=4000 it has room for all"),
        ((5, 160), {}, {"MAX_GT_INSTANCES": 200}, 200, "from 100 to 200"),  # fitted to the images before
    ],
)
def test_room(capsys, counts, options, settings, room, said):
    config = Config(NUM_CLASSES=2, **settings)
    make_room(config, TrainingOptions(**options), (Counted(*counts), None), 100)
    assert config.MAX_GT_INSTANCES == room
    text = capsys.readouterr().out
    assert re.search(said, text) if said else not text


def test_more_objects_need_more_memory():
    config = Config(NUM_CLASSES=2, IMAGES_PER_GPU=1)
    assert 0 < room_gb(config, 10) < room_gb(config, 100) < 1
    assert room_gb(Config(NUM_CLASSES=2, IMAGES_PER_GPU=4), 10) == pytest.approx(4 * room_gb(config, 10))
