"""Write what an earlier state of the package wrote: runs, tiles, parts, a study, and detections.

    python tests/compatibility/write.py tests/compatibility/stored

`stored/` was written by the commit before the rooms of the package were moved, and stays as it is: test_stored.py asks
whether today's package still loads it, resumes it, and finds the same. Written again beside it, it shows what a change
of the package changes.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import tifffile

sys.path.insert(0, str(Path(__file__).parent))

from network import DOMAIN, cells, micrograph, wafer  # noqa: E402

from mrcnn.commands.predict import predict  # noqa: E402
from mrcnn.commands.settings import load_detector  # noqa: E402
from mrcnn.commands.training import train  # noqa: E402
from mrcnn.inference.tile_store import read_instances, write_instances  # noqa: E402, F401
from mrcnn.inference.tiling import detect_tiled  # noqa: E402
from mrcnn.options.predict_arguments import predict_parser  # noqa: E402
from mrcnn.options.training_options import TrainingOptions  # noqa: E402
from mrcnn.search.space import parse_parameter  # noqa: E402
from mrcnn.search.study import Budget, tune  # noqa: E402

KINDS = {"mask": {"size": "small"}, "faster": {"size": "faster"}, "unet": {"model": "unet"}, "fcn": {"model": "fcn"}}
EPOCHS = 8
TILES = {"tile": 64, "overlap": 16, "progress": False}
SPACE = "LEARNING_RATE=0.001,0.01,0.1"
PARTS = ("--parts", "csv", "--part-size", "1", "--pictures", "0", "--min-score", "0.1", "--tile", "off")


def write_runs(out):
    """A run of a few epochs of each kind of network."""
    for kind, options in KINDS.items():
        with tempfile.TemporaryDirectory() as logs:
            train(DOMAIN, TrainingOptions(**{"epochs": EPOCHS, "logs": logs, "augmentation": "none", **options}))
            (run,) = Path(logs).iterdir()
            keep(run, out / kind)


def keep(run, target):
    """Of a run what is loaded and resumed; no curves, and no paths of the machine that it was made on."""
    target.mkdir(parents=True)
    for path in sorted(run.iterdir()):
        if path.suffix in (".h5", ".json", ".csv"):
            (target / path.name).write_bytes(path.read_bytes())


def write_tiles(out, detector):
    """All tiles of a micrograph but two, as after a kill."""
    detect_tiled(detector, micrograph(), resume_dir=out, **TILES)
    for name in ("tile_000001.npz", "tile_000004.npz"):
        (out / name).unlink()


def write_parts(out, run):
    """Two images and the part of the first, as after a kill."""
    out.mkdir()
    for name, image in (("a", micrograph()), ("b", cells())):
        tifffile.imwrite(out / f"{name}.tif", image[..., 0])
    arguments = ["--weights", str(run), "--out", str(out / "found"), *PARTS, str(out / "a.tif"), str(out / "b.tif")]
    predict_boxes(arguments)
    for path in (out / "found" / "parts").glob("*_000001.*"):
        path.unlink()


def predict_boxes(arguments):
    """The program that predicts boxes, with the table that it wrote then; returns the exit code."""
    return predict(DOMAIN, {**vars(predict_parser("parts").parse_args(arguments)), "detections": True})


def write_study(path):
    """A study of two trials."""
    tune(objective, [parse_parameter(SPACE)], path, Budget(trials=2), seed=3)


def objective(values, watch):
    """The loss of a trial: known without a training."""
    return abs(values["LEARNING_RATE"] - 0.01)


def detector_of(run):
    """The detector of a run. Its masks are pasted as at the time when it was written, whatever is right today."""
    return load_detector(DOMAIN, {"weights": run, "set": ["MASK_GEOMETRY=matterport"]})


def write_detections(out, runs):
    """What is found in a micrograph, a wafer and cells; by tiles in the first two."""
    out.mkdir()
    detector = detector_of(runs / "mask")
    found = {
        "micrograph": detect_tiled(detector, micrograph(), **TILES),
        "wafer": detect_tiled(detector, wafer(), **TILES),
        "cells": detector.predict([cells()], tile="off")[0],
    }
    found["boxes"] = detector_of(runs / "faster").predict([cells()], tile="off")[0]
    for kind in ("unet", "fcn"):
        found[kind] = load_detector(DOMAIN, {"weights": runs / kind}).predict([micrograph()])[0]
    for name, instances in found.items():
        write_instances(out / f"{name}.npz", instances)
    return found


def main():
    """Write everything into a new folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder that does not exist yet")
    out = parser.parse_args().out
    out.mkdir(parents=True)
    write_runs(out / "runs")
    write_tiles(out / "tiles", detector_of(out / "runs" / "mask"))
    write_parts(out / "parts", out / "runs" / "faster")
    write_study(out / "study.db")
    found = write_detections(out / "detections", out / "runs")
    print(json.dumps({name: len(instances) for name, instances in found.items()}))


if __name__ == "__main__":
    main()
