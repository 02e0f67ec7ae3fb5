"""Writing a file or a folder so that it is there whole or not at all, and reading JSON."""

import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from mrcnn.errors import DataError

_CURE = "Free some space or choose another folder, then run it again."


@contextmanager
def draft_of(path, flush=False, suffix=None):
    """Give a temporary name beside `path`, and rename it to `path` when the block has ended without an error.

    On any error the temporary file is removed and a file that was at `path` before stays as it was. Errors of the
    system come as they are: `whole_file` is this with a message for the user.

    Parameters
    ----------
    path : str or Path
        The file to write, in a folder that is there.
    flush : bool
        Whether to wait until the content is on the disk, so that the file is whole after a power cut, too.
    suffix : str, optional
        Ending of the temporary name; by default that of `path`, as some writers choose the format by it.

    Yields
    ------
    Path
        Name to write to.

    Raises
    ------
    OSError
        When the system refuses.
    """
    path = Path(path)
    # named by chance, so that two runs that write the same file do not share it
    draft = path.with_name(f".writing-{secrets.token_hex(8)}{path.suffix if suffix is None else suffix}")
    try:
        yield draft
        if flush:
            with open(draft, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        # where its folder is a file or forbidden, there is nothing to remove and the error above says why
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def whole_file(path, flush=False, cure=_CURE):
    """`draft_of` in a folder that is made when missing, with one clear error where the system refuses.

    Parameters
    ----------
    path : str or Path
        The file to write.
    flush : bool
        As for `draft_of`.
    cure : str
        What the error tells the user to do.

    Yields
    ------
    Path
        Name to write to, with the suffix of `path`.

    Raises
    ------
    DataError
        When the system refuses (disk full, no permission, a folder of that name).
    """
    path = Path(path)
    with _refusals(path, cure):
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path, flush) as draft:
            yield draft


@contextmanager
def whole_folder(path, replace=False, draft_name=None, cure=_CURE):
    """Give an empty temporary folder beside `path`, and rename it to `path` when the block has ended without an error.

    On an error in the block the temporary folder is removed and what was at `path` before stays as it was.

    Parameters
    ----------
    path : str or Path
        The folder to write; its parent is made when missing.
    replace : bool
        Whether a folder that is there is removed for the new one. Otherwise one that holds anything is an error.
    draft_name : str, optional
        Name of the temporary folder; one of that name that a killed run has left is removed. By default a name by
        chance, so that two runs that write the same folder do not share it.
    cure : str
        What the error tells the user to do.

    Yields
    ------
    Path
        The temporary folder.

    Raises
    ------
    DataError
        When the system refuses (disk full, no permission, a folder of that name that is not to be replaced).
    """
    path = Path(path)
    draft = path.with_name(draft_name or f".writing-{secrets.token_hex(8)}")
    try:
        with _refusals(path, cure):
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
            if replace and path.exists():
                shutil.rmtree(path)
            os.replace(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _refusals(path, cure):
    """Turn what the system refuses while `path` is written into a `DataError` that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror or error})", cure) from error


def read_json(path):
    """The JSON object in a file, as a dict.

    Raises
    ------
    OSError
        There is no such file, or it cannot be opened.
    ValueError
        It holds no JSON, or JSON that is not an object.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"holds a {type(content).__name__} where an object is expected")
    return content


def write_json(path, content, indent=2):
    """Write `content` as JSON (UTF-8, a line break at the end) through `whole_file`, which says what it raises.

    Parameters
    ----------
    path : str or Path
    content : dict or list
    indent : int, optional
        Spaces a level; None: all on one line.
    """
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
