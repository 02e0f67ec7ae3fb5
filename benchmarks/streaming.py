"""Overhead of streamed prediction over the network alone; prints one JSON line.

    python benchmarks/streaming.py [--network faster|mask] [--fields 24] [--side 256] [--batch 1] [--rounds 3] [--cells]

alone: fields per second of the network on images that are already molded, in the same batches. streamed: fields per
second from PNG files to a part on disk, as in the prediction script for cells. Both alternate, and medians are
reported, for wall-clock and CPU time; CPU time is more meaningful while other programs run. With random weights, the
network finds the maximum number of objects per field (`--objects`), all of them meaningless.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np


def network(arguments):
    """A detector with random weights."""
    from mrcnn.config import Config
    from mrcnn.engine.mask_rcnn import MaskRCNN

    side = arguments.side
    config = Config(
        NAME="benchmark",
        BACKBONE=arguments.backbone,
        NUM_CLASSES=3,
        IMAGES_PER_GPU=1,
        IMAGE_RESIZE_MODE="square",
        IMAGE_MIN_DIM=0,
        IMAGE_MAX_DIM=side,
        DETECTION_MIN_CONFIDENCE=0.0,
        DETECTION_MAX_INSTANCES=arguments.objects,
        RPN_ANCHOR_SCALES=(16, 32, 64, 128, 256),
        POST_NMS_ROIS_INFERENCE=300,
        USE_MASK_HEAD=arguments.network == "mask",
    )
    return MaskRCNN("inference", config, "logs")


def write_fields(folder, count, side):
    """PNG files of synthetic fields: a few are drawn, then rotated to get more."""
    from mrcnn.domains.hpa.merge import merge_rgb
    from mrcnn.domains.hpa.synthetic.cells import generate_field

    rng = np.random.default_rng(0)
    drawn = [merge_rgb(generate_field(rng, (side, side), cells=(5, 10))[0]) for _ in range(3)]
    paths = [Path(folder) / f"field_{i:04d}.png" for i in range(count)]
    for i, path in enumerate(paths):
        iio.imwrite(path, np.ascontiguousarray(np.rot90(drawn[i % 3], i // 3)))
    return paths


def measure(arguments):
    """Fields per second of the network alone and of streamed prediction, and their ratio."""
    from mrcnn.commands.predict import joined
    from mrcnn.commands.predict_worker import FileWork
    from mrcnn.commands.predict_writers import PageWriter
    from mrcnn.results.parts import PartStore

    detector = network(arguments)
    masks = arguments.network == "mask"
    write = ("detections", "coco", *(["cells"] if arguments.cells else []))
    with tempfile.TemporaryDirectory() as folder:
        paths = write_fields(folder, arguments.fields, arguments.side)
        made = [detector.detection.mold(iio.imread(path)) for path in paths]
        batches = [
            [np.stack([m[i] for m in made[start : start + arguments.batch]]) for i in range(2)]
            for start in range(0, len(made), arguments.batch)
        ]
        writer = PageWriter(write, ("BG", "a", "b"), masks, 3)
        work = FileWork(Path(folder), writer, 3, batch=arguments.batch, object_size="off")
        store = PartStore(Path(folder) / "parts", "csv", {})

        def alone():
            for molded, metas in batches:
                detector.detection.run(molded, metas)

        def streamed():
            result = work(detector, ([(path, path.name, path.stem) for path in paths], 0))
            tables = {name: joined(found, name) for name, found in result.tables.items()}
            store.put(0, tables, {"coco": result.entries})
            return len(tables["detections"])

        alone()  # compile before timing
        seconds = {"alone": [], "streamed": []}
        for i in range(arguments.rounds):
            runs = [("alone", alone), ("streamed", streamed)]
            for name, function in runs[:: 1 if i % 2 == 0 else -1]:
                start, cpu = time.perf_counter(), time.process_time()
                objects = function() or 0
                seconds[name].append((time.perf_counter() - start, time.process_time() - cpu))
                if name == "streamed":
                    found = objects
    results = {**vars(arguments), "found": found}
    for place, kind in enumerate(("wall", "processor")):
        rates = {name: len(paths) / statistics.median(t[place] for t in times) for name, times in seconds.items()}
        results[kind] = {
            "alone_per_s": rates["alone"],
            "streamed_per_s": rates["streamed"],
            "ratio": rates["streamed"] / rates["alone"],
        }
    return results


def main():
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=["faster", "mask"], default="faster")
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--fields", type=int, default=24)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--objects", type=int, default=20, help="maximum per field")
    parser.add_argument("--cells", action="store_true", help="also measure the cells")
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
