"""Write files and folders atomically (completely or not at all), read JSON, and check text that names files."""

import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path, PureWindowsPath

from mrcnn.errors import DataError

MAX_NAME_BYTES = 255  # of a file's name in UTF-8, on Linux, macOS and Windows
MAX_PATH_BYTES = 4000  # of a whole path; Linux takes 4,096
DRAFT = ".writing-"  # how the names of temporary files and folders begin
_CURE = "Free some space or choose a different folder, then run it again."


@contextmanager
def draft_of(path, flush=False, suffix=None):
    """Provide a temporary name next to `path`, and rename the file to `path` once the block ends without an error.

    On any error the temporary file is removed and an existing file at `path` stays unchanged. Operating system errors
    are raised as they are; `whole_file` adds a message for the user.

    Parameters
    ----------
    path : str or Path
        The file to write, in an existing folder.
    flush : bool
        Whether to wait until the content is on disk, so the file is complete even after a power failure.
    suffix : str, optional
        Ending of the temporary name; by default that of `path`, because some writers choose the format by it.

    Yields
    ------
    Path
        Name to write to.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path = Path(path)
    # a random name, so two runs that write the same file do not share it
    draft = path.with_name(f"{DRAFT}{secrets.token_hex(8)}{path.suffix if suffix is None else suffix}")
    try:
        yield draft
        if flush:
            with open(draft, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        # if its folder is a file or inaccessible, there is nothing to remove, and the error above states the cause
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def whole_file(path, flush=False, cure=_CURE):
    """Like `draft_of`, but creates a missing folder, and raises one clear error if the file cannot be written.

    Parameters
    ----------
    path : str or Path
        The file to write.
    flush : bool
        As for `draft_of`.
    cure : str
        Advice to the user in the error message.

    Yields
    ------
    Path
        Name to write to, with the suffix of `path`.

    Raises
    ------
    DataError
        The file cannot be written (disk full, no permission, a folder of that name).
    """
    path = Path(path)
    with _refusals(path, cure):
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path, flush) as draft:
            yield draft


@contextmanager
def whole_folder(path, replace=False, draft_name=None, cure=_CURE):
    """Provide an empty temporary folder next to `path`, and rename it to `path` once the block ends without an error.

    On an error in the block the temporary folder is removed and an existing folder at `path` stays unchanged.

    Parameters
    ----------
    path : str or Path
        The folder to write; its parent is created if missing.
    replace : bool
        Whether an existing folder is replaced. Otherwise an existing folder that is not empty is an error.
    draft_name : str, optional
        Name of the temporary folder; one left behind by a killed run is removed. By default a random name, so two runs
        that write the same folder do not share it.
    cure : str
        Advice to the user in the error message.

    Yields
    ------
    Path
        The temporary folder.

    Raises
    ------
    DataError
        The folder cannot be written (disk full, no permission, an existing folder that must not be replaced).
    """
    path = Path(path)
    draft = path.with_name(draft_name or f"{DRAFT}{secrets.token_hex(8)}")
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


def remove_drafts(folder):
    """Remove the temporary files and folders that runs left in a folder when they were killed while writing.

    Those of a run that is still writing there would be removed, too. What cannot be removed stays.

    Parameters
    ----------
    folder : str or Path
        Nothing happens if it does not exist.
    """
    for draft in Path(folder).glob(f"{DRAFT}*"):
        if draft.is_dir() and not draft.is_symlink():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


@contextmanager
def _refusals(path, cure):
    """Turn operating system errors while writing `path` into a `DataError` that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror or error})", cure) from error


def name_problem(text, longest=MAX_NAME_BYTES):
    """Why a text cannot be the name of one file or folder on any system, or None if it can.

    Parameters
    ----------
    text : str
    longest : int
        Bytes in UTF-8.

    Returns
    -------
    str or None
        Such as "contains '/'", for error messages.
    """
    if not text.strip() or text in (".", ".."):
        return "is no name"
    bad = next((c for c in text if c in "/\\" or c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff"), None)
    if bad is not None:
        return f"contains {bad!r}"
    if PureWindowsPath(text).drive:
        return "begins like a drive of Windows"
    length = len(text.encode())
    return f"is {length} bytes long, more than {longest}" if length > longest else None


def path_inside(folder, text):
    """The path that a text from a file names inside a folder, or None if it names none there.

    The only place that turns text into a path: nothing outside the folder is opened because a file says so. Links
    inside it are the user's own choice.

    Parameters
    ----------
    folder : str or Path
    text : str
        Relative to the folder, with slashes or backslashes; or absolute, inside it.

    Returns
    -------
    Path or None
        Below `folder`; need not exist. None for "..", another folder or drive, and what `name_problem` refuses.
    """
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts or any(map(name_problem, parts)):
        return None
    root = os.path.abspath(folder)
    path = os.path.normpath(os.path.join(root, text.replace("\\", "/")))
    if len(os.fsencode(path)) > MAX_PATH_BYTES or not path.startswith(os.path.join(root, "")) or path == root:
        return None
    return Path(folder) / os.path.relpath(path, root)


def read_json(path):
    """The JSON object in a file, as a dict.

    Raises
    ------
    OSError
        The file does not exist or cannot be opened.
    ValueError
        The file does not contain a JSON object.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"holds a {type(content).__name__}, but an object is expected")
    return content


def write_json(path, content, indent=2):
    """Write `content` as JSON (UTF-8, with a final line break) with `whole_file`; raises the same errors.

    Parameters
    ----------
    path : str or Path
    content : dict or list
    indent : int, optional
        Spaces per level; None: all on one line.
    """
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
