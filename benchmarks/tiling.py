"""Cost of tiling, and comparison of the stitching rules; prints one JSON line per measurement.

    python benchmarks/tiling.py --what overhead [--tile 512] [--tiles 4] [--rounds 3] [--objects 100]
    python benchmarks/tiling.py --what stitching [--objects 500]
    python benchmarks/tiling.py --what rules

overhead: tiles per second of the network alone, with the batches and pixels that tiled detection passes to it, and of
tiled detection from image to objects; both alternate, and medians are reported. With resnet50 and random weights, the
network finds the maximum number of objects per tile, all of them meaningless, which is a hard case for stitching.
stitching: seconds to combine the objects of tiles into those of a wafer of 6136 x 5616 pixels, without a network.
rules: number of objects found once, several times, never or falsely by each rule, for detectors whose outlines differ
between tiles, that miss objects or rarely find objects cut by a tile, and for objects larger than the overlap.
"""

import argparse
import json
import statistics
import time

import numpy as np
from tile_scene import rectangles, score, seen

from mrcnn.geometry.tile_windows import corner_windows, tile_windows

WAFER = (6136, 5616)
SECTION_SIDES = (70, 120)
# Name, range of side lengths, number of objects, and errors of the detector. Tiles of 512 pixels overlap by 128, enough
# for all objects except those named as larger.
TROUBLES = [
    ("exact", (40, 88), 300, {}),
    ("outlines differ by 4 px", (40, 88), 300, {"jitter": 4}),
    ("outlines differ by 10 px", (40, 88), 300, {"jitter": 10}),
    ("2 % missed, cut ones often", (40, 88), 300, {"jitter": 3, "missed": 0.02, "whole_only": 0.6, "false": 0.1}),
    ("5 % missed", (40, 88), 300, {"jitter": 3, "missed": 0.05}),
    ("false objects", (40, 88), 300, {"jitter": 3, "false": 0.3}),
    ("larger than the overlap", (130, 300), 60, {"jitter": 2}),
    ("small", (8, 30), 300, {"jitter": 2}),
]


def seconds_of(function):
    """Wall-clock seconds of a call, its result, and its CPU seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - start, result, time.process_time() - cpu


def overhead(tile, tiles, rounds, objects):
    """Tiles per second of the network alone and of tiled detection."""
    from scene import discs

    from mrcnn.config import Config
    from mrcnn.engine.mask_rcnn import MaskRCNN
    from mrcnn.inference.tiling import TilePlan

    overlap = tile // 4
    side = tile + (tiles - 1) * (tile - overlap)
    image = (np.clip(discs(side, 12 * tiles)[0], 0, 1) * 255).astype(np.uint8)
    config = Config(
        NAME="benchmark",
        BACKBONE="resnet50",
        NUM_CLASSES=3,
        IMAGES_PER_GPU=1,
        IMAGE_RESIZE_MODE="pad64",
        IMAGE_MIN_DIM=tile,
        IMAGE_MAX_DIM=tile,
        DETECTION_MIN_CONFIDENCE=0.0,
        DETECTION_MAX_INSTANCES=objects,
    )
    detector = MaskRCNN("inference", config, "logs")
    windows = TilePlan(image.shape, tile, overlap, "centre").windows
    cuts = [np.ascontiguousarray(image[y1:y2, x1:x2]) for y1, x1, y2, x2 in windows]
    detector.predict(cuts[:2])  # compile before timing
    alone, tiled = [], []
    for _ in range(rounds):
        alone.append(seconds_of(lambda: [detector.predict([cut]) for cut in cuts]))
        tiled.append(seconds_of(lambda: detector.detect_tiled(image, tile=tile, overlap=overlap, progress=False)))
    results = {"tiles": len(cuts), "tile": tile, "objects": len(tiled[0][1])}
    # CPU time stays comparable while other programs run.
    for kind, place in (("wall", 0), ("processor", 2)):
        rates = [len(cuts) / statistics.median(run[place] for run in runs) for runs in (alone, tiled)]
        results[kind] = {"alone_per_s": rates[0], "tiled_per_s": rates[1], "overhead": rates[0] / rates[1] - 1}
    return results


def joined(truth, tile, overlap, **trouble):
    """Wall-clock seconds, objects and CPU seconds of each rule, by name."""
    from mrcnn.inference.tiling import RULES, TilePlan

    results = {}
    tiles = seen(truth, tile_windows(truth.image_shape, tile, overlap), **trouble)
    corners = seen(truth, corner_windows(truth.image_shape, tile)[0], **trouble)
    for rule in RULES:
        plan, views = TilePlan(truth.image_shape, tile, overlap, rule), corners if rule == "corner" else tiles
        results[rule] = seconds_of(lambda p=plan, v=views: p.joined([found for _, found in v]))
    return results


def stitching(objects):
    """Seconds of each rule for a whole wafer, with its scores."""
    truth = rectangles(WAFER, objects, SECTION_SIDES)
    views = sum(len(found) for _, found in seen(truth, tile_windows(WAFER, 1024, 256)))
    results = {"objects": len(truth), "views": views}
    for rule, (seconds, found, _) in joined(truth, 1024, 256, jitter=2).items():
        results[rule] = {"seconds": seconds, **score(truth, found)}
    return results


def rules(name, sides, count, trouble, seeds=2):
    """Counts of each rule, summed over several scenes."""
    totals = {}
    for seed in range(seeds):
        truth = rectangles((3000, 3000), count, sides, seed)
        for rule, (_, found, _) in joined(truth, 512, 128, seed=seed, **trouble).items():
            for key, value in score(truth, found).items():
                totals.setdefault(rule, {}).setdefault(key, []).append(value)
    return {
        "detector": name,
        **{
            rule: {key: statistics.mean(v) if key == "iou" else sum(v) for key, v in t.items()}
            for rule, t in totals.items()
        },
    }


def main():
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["overhead", "stitching", "rules"], default="overhead")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--tiles", type=int, default=4, help="tiles along each side of the image")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--objects", type=int, help="maximum per tile (overhead, default 100), or on the wafer (stitching, default 500)"
    )
    arguments = parser.parse_args()
    if arguments.what == "overhead":
        print(json.dumps(overhead(arguments.tile, arguments.tiles, arguments.rounds, arguments.objects or 100)))
    elif arguments.what == "stitching":
        print(json.dumps(stitching(arguments.objects or 500)))
    else:
        for trouble in TROUBLES:
            print(json.dumps(rules(*trouble)), flush=True)


if __name__ == "__main__":
    main()
