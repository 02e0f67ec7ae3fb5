"""Predict objects in images of any kind with any model: find the images, process them in parts, join the results."""

import hashlib
import json
import sys
from dataclasses import replace

import pandas as pd
from tqdm import tqdm

from mrcnn.commands.inputs import check_writable, find_images, result_names, results_folder, stamp, table_names
from mrcnn.commands.limits import limit_sentences
from mrcnn.commands.older_runs import complete_older_run
from mrcnn.commands.own_results import OwnResults, refuse_taken, without_results
from mrcnn.commands.predict_options import file_work, least_score, with_old_words
from mrcnn.commands.predict_tiles import remove_if_empty, remove_tiles_of_file
from mrcnn.commands.predict_worker import PartResult, add_file
from mrcnn.commands.preparation import with_recorded
from mrcnn.commands.remarks import Remark, remark_sentences
from mrcnn.commands.scaling import FoundFor, advice, scale_sentences
from mrcnn.commands.settings import load_detector
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import remove_drafts, whole_file
from mrcnn.hardware import one_operation_at_a_time
from mrcnn.inference.empty_fields import noise_sentence
from mrcnn.inference.tile_store import settings_fingerprint, weights_fingerprint
from mrcnn.options.arguments import FAILED, USAGE
from mrcnn.results.measure import write_csv
from mrcnn.results.parts import PartStore
from mrcnn.results.places import together

PART_SIZE = 200  # files
PARTS = 20  # at least so many, if there are as many files: a killed run loses only one of them


def predict(domain, options):
    """Predict according to the options; see `mrcnn.options.predict_arguments.predict_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict
        And `detections`: True writes detections.csv as well, the table of earlier versions for boxes.

    Returns
    -------
    int
        Exit code: 1 if some files failed and the others were processed, 2 if every file failed.
    """
    options = with_old_words(options)
    out = results_folder(options)
    if options.get("parts") and {"coco", "masks"} & {*(options.get("write") or ()), *options["also"]}:
        raise ConfigError("--parts does not write detections.json: leave coco and masks out of --write, or --parts.")
    if options.get("dask"):
        import mrcnn.inference.dask_workers  # noqa: F401     # a missing package is named before the detection
    paths, missing = find_images(options["images"])
    paths = without_results(paths, options["images"])
    one_operation_at_a_time()
    detector = load_detector(domain, options)
    complete_older_run(domain, detector, options["weights"])
    work = file_work(domain, detector, with_recorded(options), out, len(paths))
    for error in missing:
        _report(error)
    if sentence := least_score(detector, options):
        print(sentence)
    prediction = Prediction(detector, work, paths, options)
    prediction.run()
    failed = [(error.path, error) for error in missing] + prediction.failed()
    prediction.write(failed)
    for sentence in prediction.remarks():
        print(sentence, file=sys.stderr)
    for sentence in prediction.sentences():
        print(sentence)
    if failed and not prediction.total("count"):
        print("None of the inputs could be used; see the messages above.", file=sys.stderr)
        return USAGE
    print(f"Found {prediction.found()} in {_counted(prediction.total('count'), 'image')}. The results are in {out}.")
    if failed:
        print(
            f"{len(failed)} of the inputs failed; they are listed in {out / 'failed.csv'}. The other files were "
            "processed.",
            file=sys.stderr,
        )
    return FAILED if failed else 0


def _report(error):
    tqdm.write(f"error: {error}", file=sys.stderr)


class Prediction:
    """Detects objects in files, part by part, and stores the tables of each part in `parts/` as soon as it is done.

    Parameters
    ----------
    detector : MaskRCNN, or another with `predict`
    work : FileWork
    paths : list of Path
    options : dict
        As from `predict_parser`.
    """

    def __init__(self, detector, work, paths, options):
        self.detector, self.work, self.paths, self.options, self.out = detector, work, paths, options, work.out
        self.names, self.stems = table_names(paths), result_names(paths)
        size = options.get("part_size") or max(1, min(PART_SIZE, -(-len(paths) // PARTS)))
        self.parts = [range(i, min(i + size, len(paths))) for i in range(0, len(paths), size)]
        self.drawn = len(paths) if options.get("pictures") is None else options["pictures"]
        check_writable(self.out)
        self.results = OwnResults(self.out)
        refuse_taken(self.results.taken(*self._to_write()), self.out, paths, bool(options.get("overwrite")))
        self.store = PartStore(
            self.out / "parts", options.get("parts") or "csv", self._run(size), bool(options.get("resume"))
        )
        self.results.claim(*self._to_write())
        remove_drafts(self.out)
        self._records = {}

    def _to_write(self):
        """Names of images, what is written of each, and names of the other files."""
        writer, others = self.work.writer, ["failed.csv"]
        if not self.options.get("parts"):
            others += [f"{name}.csv" for name in writer.tables()]
            others += ["detections.json"] if {"coco", "masks"} & set(writer.write) else []
        return self.stems, writer.write, others

    def _run(self, size):
        """What the parts depend on."""
        work, paths = self.work, "\0".join(str(p.resolve()) for p in self.paths)
        return {
            "images": hashlib.blake2b(paths.encode(), digest_size=16).hexdigest(),
            "part size": size,
            "joined": not self.options.get("parts"),
            "written": sorted(work.writer.write),
            "pixel size": work.pixel_size_nm,
            "preparation": [work.preparation.keep_rows, work.preparation.downscale],
            "tiles": work.tile,
            "object size": work.object_size,
            "slices": [str(work.writer.link), work.writer.slice_distance_nm],
            **({} if work.writer.link is None else {"linked along": "z"}),  # parts before knew no axes
            "weights": weights_fingerprint(self.detector),
            "settings": settings_fingerprint(self.detector),
        }

    def run(self):
        """Process all parts that are not done yet or whose files have changed since."""
        for number in range(len(self.parts)):
            self._records[number] = self._kept(number)
        left = [number for number, record in self._records.items() if record is None]
        done = len(self.paths) - sum(len(self.parts[n]) for n in left)
        # Taken before the files are read, so --resume processes files again that change meanwhile.
        stamps = {number: [stamp(self.paths[i]) for i in self.parts[number]] for number in left}
        with tqdm(total=len(self.paths), initial=done, unit="image", disable=None) as bar:
            processed = self._on_dask(left, bar) if self._distributes_parts() else self._here(left, bar)
            for number, result in processed:
                self._put(number, stamps[number], result)
                self._remove_tiles(number)
        for number in self._records:  # a killed run may have left those of a part that it had stored
            self._remove_tiles(number)

    def _distributes_parts(self):
        return self.options.get("dask") and self.work.dask is None

    def _here(self, left, bar):
        """Yield (number, PartResult). All files go through one stream, so reading ahead does not stop between parts."""
        files = [file for number in left for file in self._files(number)]
        results = self.work.files(self.detector, files, self._drawn_of(left))
        for number in left:
            part = PartResult()
            for _ in self.parts[number]:
                add_file(part, next(results))
                bar.update()
            yield number, part

    def _on_dask(self, left, bar):
        from mrcnn.inference.streaming_dask import work_on_dask

        tasks = {number: (self._files(number), self._drawn_of([number])) for number in left}
        work = replace(self.work, out=self.out.absolute())  # as for the files
        for number, result in work_on_dask(self.options["dask"], self.detector, work, tasks):
            bar.update(len(self.parts[number]))
            yield number, result

    def _files(self, number):
        """The files of a part, with paths that are valid wherever a worker was started."""
        return [(self.paths[i].absolute(), self.names[i], self.stems[i]) for i in self.parts[number]]

    def _drawn_of(self, numbers):
        """How many of the first files of these parts are drawn."""
        return sum(i < self.drawn for number in numbers for i in self.parts[number])

    def _kept(self, number):
        record = self.store.record(number)
        same = record is not None and record.get("stamps") == [stamp(self.paths[i]) for i in self.parts[number]]
        complete = same and all(self.store.path(name, number).exists() for name in record["tables"])
        return _short(record) if complete else None

    def _put(self, number, stamps, result):
        for _, error in result.failed:
            _report(error)
        tables = {name: joined(result.tables.get(name, []), name) for name in self.work.writer.tables()}
        tables = {name: table for name, table in tables.items() if table is not None}
        record = {
            "stamps": stamps,
            "tables": list(tables),
            "count": result.count,
            "classes": result.classes,
            "diameters": result.diameters,
            "notes": result.notes,
            "scales": result.scales,
            "remarks": result.remarks,
            "limits": result.limits,
            "empty": result.empty,
            "failed": [(str(path), error.problem, error.cure) for path, error in result.failed],
        }
        if {"coco", "masks"} & set(self.work.writer.write):
            record["coco"] = result.entries
        self.store.put(number, tables, record)
        self._records[number] = _short(record)

    def _remove_tiles(self, number):
        """Remove the tiles of the images that are done; those of an image that failed stay, for another try."""
        failed = {path for path, *_ in self._records[number]["failed"]}
        for i in self.parts[number]:
            if str(self.paths[i].absolute()) in failed:
                continue
            remove_tiles_of_file(self.out, self.stems[i])
        remove_if_empty(self.out / "tiles")

    def total(self, name):
        """Sum of a number in the records of all parts."""
        return sum(record[name] for record in self._records.values())

    def found(self):
        """The objects found, as text: "5 objects (3 tissue, 2 magnet)"."""
        classes = {}
        for record in self._records.values():
            for name, number in record["classes"].items():
                classes[name] = classes.get(name, 0) + number
        text = _counted(sum(classes.values()), "object")
        if len(classes) == 1:
            return f"{text} ({next(iter(classes))})"
        return text + (f" ({', '.join(f'{number} {name}' for name, number in classes.items())})" if classes else "")

    def sentences(self):
        """Sentences about scales, each once, and an advice if the objects found are unusual."""
        found = [FoundFor(*one) for record in self._records.values() for one in record["scales"]]
        notes = dict.fromkeys(note for record in self._records.values() for note in record["notes"])
        config, choice = self.detector.config, self.work.object_size
        diameters = [d for record in self._records.values() for d in record["diameters"]]
        count = sum(sum(record["classes"].values()) for record in self._records.values())
        advised = advice(count, diameters, config, choice) if self.total("count") else None
        limits = [one for record in self._records.values() for one in record["limits"]]
        said = limit_sentences(limits, config) if limits else []
        empty = [image for record in self._records.values() for image in record["empty"]]
        said += [noise_sentence(empty)] if empty else []
        return [*notes, *scale_sentences(found), *said, *([advised] if advised else [])]

    def remarks(self):
        """Sentences about the files: what they state and is not used, what was assumed; each once."""
        return remark_sentences(Remark(*one) for record in self._records.values() for one in record["remarks"])

    def failed(self):
        """(file, DataError) of each file that could not be used, in the order of the files."""
        return [
            (path, DataError(path, problem, cure))
            for number in range(len(self.parts))
            for path, problem, cure in self._records[number]["failed"]
        ]

    def write(self, failed):
        """Write `failed.csv`, and without --parts the joined tables of all parts and `detections.json`.

        If no file could be used, the tables of an earlier run stay as they are.
        """
        self._write_tables(failed)
        self.results.settle()

    def _write_tables(self, failed):
        if failed:
            rows = [(str(path), str(error)) for path, error in failed]
            write_csv(pd.DataFrame(rows, columns=["file", "problem"]), self.out / "failed.csv")
        else:
            (self.out / "failed.csv").unlink(missing_ok=True)
        if self.options.get("parts"):
            return
        for name in self.work.writer.tables():
            self._write_table(name)
        if {"coco", "masks"} & set(self.work.writer.write) and not self._keeps("detections.json"):
            self._write_coco()
        self.store.remove()

    def _keeps(self, name):
        return not self.total("count") and (self.out / name).exists()

    def _write_table(self, name):
        # A part whose files all failed has no tables, but those of an earlier run may lie there.
        numbers = [n for n in range(len(self.parts)) if name in self._records[n]["tables"]]
        if numbers:
            self.store.join(name, numbers, self.out / f"{name}.csv")
        elif name in ("objects", "stacks"):
            if name == "stacks":
                print(
                    "Volumes: none of the images is a stack of slices, so nothing was linked. To link slices that are "
                    "stored in separate files, combine them into one TIFF stack."
                )
        elif not self._keeps(f"{name}.csv"):
            write_csv(pd.DataFrame(columns=["image", "page"]), self.out / f"{name}.csv")

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


def joined(tables, name):
    """The tables as one; empty tables do not affect the column types. None if there is none."""
    if not tables:
        return None
    filled = [table for table in tables if len(table)]
    return together(filled) if filled else tables[0]


def _short(record):
    """The part of a record that is kept in memory."""
    kept = {name: record[name] for name in ("tables", "count", "classes", "diameters", "notes", "failed")}
    since = ("scales", "limits", "empty", "remarks")  # which older parts lack
    return {**kept, **{name: record.get(name, []) for name in since}}


def _counted(number, thing):
    return f"{number} {thing}" + ("" if number == 1 else "s")
