"""Tables of many images in parts, each written completely or not at all, so an interrupted run can resume."""

import csv
import json
import re
import sys
from pathlib import Path

import pandas as pd

from mrcnn.errors import ConfigError, DataError, MissingExtra
from mrcnn.files import remove_drafts, whole_file, write_json
from mrcnn.results.places import in_order

FORMAT = 2  # 1: with only some of the settings in "settings"
RUN_FILE = "run.json"
_CHANGED_IN_2 = ("format", "settings")  # entries of a run that cannot be compared with those of format 1
KINDS = ("csv", "parquet")


class PartStore:
    """The parts of a run in a folder: for part 7, `<name>_000007.csv` for each of its tables, and `part_000007.json`.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    kind : "csv" or "parquet"
        File format of the tables.
    run : dict
        Everything the parts depend on; stored in the folder and compared with what an earlier run stored.
    resume : bool
        Continue with the parts of an earlier run; otherwise the folder must not contain any. Parts that an earlier
        version wrote are deleted, and one sentence on standard error says so.

    Raises
    ------
    ConfigError
        The folder contains parts and `resume` is False, or the parts belong to another run.
    MissingExtra
        Parquet is requested, but pyarrow is not installed.
    DataError
        The folder cannot be written.
    """

    def __init__(self, folder, kind, run, resume=False):
        if kind not in KINDS:
            raise ConfigError(f"Tables can be written as {' or '.join(KINDS)}, not as {kind!r}.")
        if kind == "parquet":
            _need_pyarrow()
        self.folder, self.kind = Path(folder), kind
        self._take_up(json.loads(json.dumps({"format": FORMAT, "tables": kind, **run})), resume)

    def put(self, number, tables, record):
        """Write a part; once this returns, the part survives if the process is killed.

        Parameters
        ----------
        number : int
        tables : dict of str to DataFrame
        record : dict
            Written as JSON, after the tables: a part without a record does not count.
        """
        for name, table in tables.items():
            with whole_file(self.path(name, number)) as temporary:
                if self.kind == "csv":
                    table.to_csv(temporary, index=False)
                else:
                    table.to_parquet(temporary, engine="pyarrow", index=False)
        write_json(self._record(number), record, indent=None)

    def record(self, number):
        """The record of a part, or None if the part is missing or damaged."""
        try:
            found = json.loads(self._record(number).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def path(self, name, number):
        """File of one table of a part."""
        return self.folder / f"{name}_{number:06d}.{self.kind}"

    def join(self, name, numbers, target):
        """Join the tables with that name from these parts into one CSV, with one part in memory at a time.

        Columns that only some parts have (such as areas in um2, of images with a pixel size) are empty in the others.

        Raises
        ------
        DataError
            The file cannot be written, or a part is missing.
        """
        headers = [self._columns(name, number) for number in numbers]
        columns = in_order(column for header in headers for column in header)
        with whole_file(target) as temporary, open(temporary, "w", encoding="utf-8", newline="") as joined:
            for number, header in zip(numbers, headers):
                first = number == numbers[0]
                if header == columns:  # as it is: rounded and formatted as the part was
                    line, rows = self._lines(name, number)
                    joined.write(line + rows if first else rows)
                else:
                    table = pd.read_csv(self.path(name, number), dtype=str, keep_default_na=False)
                    table.reindex(columns=columns).to_csv(joined, index=False, header=first)

    def _columns(self, name, number):
        return next(csv.reader([self._lines(name, number)[0]]), [])

    def _lines(self, name, number):
        """(first line, remaining lines) of a table."""
        path = self.path(name, number)
        try:
            with open(path, encoding="utf-8", newline="") as file:
                return file.readline(), file.read()
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror})", "Run it again without --resume") from error

    def remove(self):
        """Delete the parts, and the folder if it is then empty."""
        self._delete_parts()
        (self.folder / RUN_FILE).unlink(missing_ok=True)  # the last, so that the parts always belong to a known run
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _delete_older(self):
        """Delete parts that depend on more than their run records."""
        if any(self.folder.glob("part_*.json")):
            print(
                f"{self.folder}: an earlier version wrote the parts here, without recording all settings that they "
                "depend on, so they are computed again.",
                file=sys.stderr,
            )
        self._delete_parts()

    def _delete_parts(self):
        for path in [p for p in self.folder.iterdir() if _is_part(p)]:
            path.unlink(missing_ok=True)

    def _record(self, number):
        return self.folder / f"part_{number:06d}.json"

    def _take_up(self, run, resume):
        path = self.folder / RUN_FILE
        before = self._run_before(path)
        if before is not None and not resume:
            raise ConfigError(
                f"{self.folder} contains the parts of an earlier run. Continue that run with --resume, delete "
                "the folder, or choose another --out."
            )
        older = _is_older(before, run)
        different = [] if before is None else [name for name in run if before.get(name) != run[name]]
        if older:
            different = [name for name in different if name in before and name not in _CHANGED_IN_2]
        if different:
            raise ConfigError(
                f"{self.folder} contains parts of another run (different {', '.join(different)}). Choose "
                "another --out, or delete this folder."
            )
        if older:
            self._delete_older()
        if before is None or older:
            write_json(path, run)
        remove_drafts(self.folder)

    def _run_before(self, path):
        """Run stored with the parts; None if the folder has no parts, {} if the stored run is missing or unreadable."""
        if not path.exists():
            return {} if any(self.folder.glob("part_*.json")) else None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _is_older(before, run):
    """Whether an earlier version stored a run, whose parts may depend on more than it recorded."""
    if before is None or not isinstance(before.get("format"), int) or before["format"] > FORMAT:
        return False
    return before["format"] < FORMAT or not before.keys() >= run.keys()


def _is_part(path):
    return re.fullmatch(r"part_\d{6,}\.json|[a-z]+_\d{6,}\.(csv|parquet)", path.name)


def _need_pyarrow():
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet") from error
