"""Room for the objects of the fullest training image: MAX_GT_INSTANCES, and the memory that it needs."""

import numpy as np

from mrcnn.data.ceilings import most_objects

MOST_OBJECTS = 1000  # room for objects per image that is made without being asked for
OVERLAP_ARRAYS = 3  # of anchors and objects that a step holds at the same time


def make_room(config, options, datasets, before):
    """Raise MAX_GT_INSTANCES to the objects of the fullest image, up to 1000, and print a sentence.

    Not if --set gives it, nor for a semantic network, which learns from all pixels. `before` is the number of the
    preset, which the settings may exceed already because they were fitted to the images.
    """
    given = any(text.partition("=")[0].strip() == "MAX_GT_INSTANCES" for text in options.set or ())
    if config.SEMANTIC_MODEL or given:
        return
    most, where = max(
        (most_objects(dataset, config) for dataset in datasets if dataset is not None), key=lambda found: found[0]
    )
    if most <= before:
        return
    room = config.MAX_GT_INSTANCES = max(int(config.MAX_GT_INSTANCES), min(most, MOST_OBJECTS))
    beyond = f" With --set MAX_GT_INSTANCES={most} it has room for all of them." if room < most else ""
    print(
        f"{where} has {most} objects: MAX_GT_INSTANCES is raised from {before} to {room}, which needs about "
        f"{room_gb(config, room - before):.1f} GB more memory.{beyond}"
    )


def room_gb(config, objects):
    """GB that each step of a training needs at most for so many objects per image: overlaps with anchors, and masks."""
    height, width = (int(n) for n in config.IMAGE_SHAPE[:2])
    cells = sum(height * width / stride**2 for stride in config.BACKBONE_STRIDES)
    anchors = cells * len(config.RPN_ANCHOR_RATIOS) / config.RPN_ANCHOR_STRIDE**2
    mask = np.prod(config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (height, width)) if config.USE_MASK_HEAD else 0
    return objects * int(config.BATCH_SIZE) * (OVERLAP_ARRAYS * 4 * anchors + float(mask)) / 1e9
