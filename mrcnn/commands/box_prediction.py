"""Predict boxes for image files: write detections.csv, COCO results and a few figures."""

import hashlib
import json
import sys

import pandas as pd
from tqdm import tqdm

from mrcnn.commands.box_worker import PartWork
from mrcnn.commands.boxes import names_of
from mrcnn.commands.inputs import find_images, result_names, results_folder, table_names
from mrcnn.commands.settings import load_detector
from mrcnn.data.molding import to_channels
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import whole_file
from mrcnn.hardware import has_gpu
from mrcnn.images.read import read_image
from mrcnn.inference.tile_store import settings_fingerprint, weights_fingerprint
from mrcnn.options.arguments import FAILED, USAGE
from mrcnn.plot.figures import save_figure
from mrcnn.plot.instances import draw_instances
from mrcnn.results.detections import detection_rows
from mrcnn.results.measure import write_csv
from mrcnn.results.parts import PartStore

PART_SIZE = 200


def predict(domain, options):
    """Predict according to the options; see `mrcnn.options.box_arguments.box_predict_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if some files failed and the others were processed, 2 if every file failed.
    """
    out = results_folder(options)
    if options.get("masks") and options.get("parts"):
        raise ConfigError(
            "--masks writes to detections.json, which --parts does not create. Use only one of these options."
        )
    paths, missing = find_images(options["images"])
    names = result_names(paths)
    detector = load_detector(domain, options)
    if options.get("masks") and not detector.config.USE_MASK_HEAD:
        raise ConfigError("--masks: this model is a Faster R-CNN, which finds only boxes. Leave out --masks.")
    for error in missing:
        _report(error)
    results = BoxResults(detector, out, paths, names, options)
    results.run()
    failed = [(error.path, error) for error in missing] + results.failed()
    if failed and not results.total("count"):
        results.store.remove()
        print("None of the inputs could be used; see the messages above.", file=sys.stderr)
        return USAGE
    results.write(failed)
    print(
        f"Found {results.total('detections')} {domain.name} in {results.total('count')} images. "
        f"The results are in {out}."
    )
    if failed:
        print(
            f"{len(failed)} of the inputs failed; they are listed in {out / 'failed.csv'}. The other files were "
            "processed.",
            file=sys.stderr,
        )
    return FAILED if failed else 0


def _report(error):
    tqdm.write(f"error: {error}", file=sys.stderr)


class BoxResults:
    """Detects objects in files, part by part, and stores each part in `parts/` as soon as it is done.

    Parameters
    ----------
    detector : MaskRCNN
    out : Path
        Folder of the results.
    paths : list of Path
    names : list of str
        Stems of the figures drawn for each file.
    options : dict
        As from `mrcnn.options.box_arguments.box_predict_parser`.
    """

    def __init__(self, detector, out, paths, names, options):
        self.detector, self.out, self.paths, self.names, self.options = detector, out, paths, names, options
        self.called = table_names(paths)
        config = detector.config
        self.work = PartWork(
            names_of(config),
            int(config.IMAGE_SHAPE[2]),
            bool(config.USE_MASK_HEAD),
            bool(options.get("masks")),
            bool(options.get("cells")),
            options.get("batch") or (4 if has_gpu() else 1),
            options.get("pixel_size_nm"),
        )
        size = options.get("part_size") or PART_SIZE
        self.parts = [range(i, min(i + size, len(paths))) for i in range(0, len(paths), size)]
        run = {
            "pictures": hashlib.blake2b(
                "\0".join(str(p.resolve()) for p in paths).encode(), digest_size=16
            ).hexdigest(),
            "part size": size,
            "joined": not options.get("parts"),
            "masks": self.work.masks,
            "cells": self.work.cells,
            "pixel size": self.work.pixel_size_nm,
            "weights": weights_fingerprint(detector),
            "settings": settings_fingerprint(detector),
        }
        self.store = PartStore(out / "parts", options.get("parts") or "csv", run, bool(options.get("resume")))
        self._records = {}

    def run(self):
        """Process all parts that are not done yet or whose files have changed since."""
        for number in range(len(self.parts)):
            self._records[number] = self._kept(number)
        left = {n: self._task(n) for n, record in self._records.items() if record is None}
        done = len(self.paths) - sum(len(self.parts[n]) for n in left)
        with tqdm(total=len(self.paths), initial=done, unit="file", disable=None) as bar:
            for number, stamps, result in self._results(left, bar):
                self._put(number, stamps, result)

    def _results(self, left, bar):
        # Taken before the files are read, so --resume processes files again that change meanwhile.
        stamps = {number: [_stamp(path) for path, _ in files] for number, (files, _) in left.items()}
        if self.options.get("dask"):
            from mrcnn.inference.streaming_dask import work_on_dask

            for number, result in work_on_dask(self.options["dask"], self.detector, self.work, left):
                bar.update(len(self.parts[number]))
                yield number, stamps[number], result
        else:
            for number, task in left.items():
                yield number, stamps[number], self.work(self.detector, task, bar.update)

    def _task(self, number):
        """The task for `PartWork`, with paths that are valid wherever a worker was started."""
        files = self.parts[number]
        named = [(self.paths[i].absolute(), self.called[i]) for i in files]
        return named, max(0, self.options.get("pictures", 4) - files.start)

    def _kept(self, number):
        record = self.store.record(number)
        same = record is not None and record.get("stamps") == [_stamp(self.paths[i]) for i in self.parts[number]]
        tables = ("detections", "cells") if self.work.cells else ("detections",)
        return _short(record) if same and all(self.store.path(t, number).exists() for t in tables) else None

    def _put(self, number, stamps, result):
        for page, instances in result.shown:
            self._draw(page, instances, self.names[self.parts[number][page.index]])
        for _, error in result.failed:
            _report(error)
        tables = {"detections": result.detections, **({"cells": result.cells} if self.work.cells else {})}
        record = {
            "stamps": stamps,
            "count": result.count,
            "detections": len(result.detections),
            "failed": [(path, error.problem, error.cure) for path, error in result.failed],
        }
        if not self.options.get("parts"):
            record["coco"] = result.entries
        self.store.put(number, tables, record)
        self._records[number] = _short(record)

    def _draw(self, page, instances, name):
        name = name if page.page == 0 else f"{name}_{page.page:04d}"
        channels, masks = self.work.channels, self.work.real_masks
        image = to_channels(read_image(page.path, page.page, keep_alpha=channels in (2, 4)), channels, page.path)
        captions = [f"{row['class']} {row['score']:.2f}" for row in detection_rows(instances, name, self.work.names)]
        shown = instances.select((-instances.scores).argsort(kind="stable"))
        ax = draw_instances(image, shown, captions=captions, show_box=not masks, show_mask=masks, outlines=masks)
        save_figure(ax.figure, self.out / f"{name}_overlay.png")

    def total(self, name):
        """Sum of a number in the records of all parts: "count" (of images) or "detections"."""
        return sum(record[name] for record in self._records.values())

    def failed(self):
        """(file, DataError) of each file that could not be used, in the order of the files."""
        return [
            (path, DataError(path, problem, cure))
            for number in range(len(self.parts))
            for path, problem, cure in self._records[number]["failed"]
        ]

    def write(self, failed):
        """Write `failed.csv`; without --parts also `detections.csv`, `detections.json` and `cells.csv` of all parts."""
        if failed:
            write_csv(
                pd.DataFrame([(path, str(error)) for path, error in failed], columns=["file", "problem"]),
                self.out / "failed.csv",
            )
        else:
            (self.out / "failed.csv").unlink(missing_ok=True)
        if self.options.get("parts"):
            return
        self.store.join("detections", len(self.parts), self.out / "detections.csv")
        if self.work.cells:
            self.store.join("cells", len(self.parts), self.out / "cells.csv")
        self._write_coco()
        self.store.remove()

    def _write_coco(self):
        """Write the entries of all parts as one list, with one part in memory at a time."""
        before, separator = 0, ""
        with whole_file(self.out / "detections.json") as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write("[")
            for number in range(len(self.parts)):
                record = self.store.record(number)
                for entry in record["coco"]:  # COCO's image ids start at 1
                    file.write(separator + json.dumps({**entry, "image_id": before + entry["image_id"]}))
                    separator = ",\n"
                before += record["count"]
            file.write("]\n")


def _short(record):
    """The part of a record that is kept in memory."""
    return {name: record[name] for name in ("count", "detections", "failed")}


def _stamp(path):
    """Size and modification time of a file, to detect changes; None if the file does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
