"""Writing a file so that it is there whole or not at all."""
import json
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

from mrcnn.errors import DataError


@contextmanager
def whole_file(path):
    """Give a temporary name in the folder of `path`, and rename it to `path` when the block has ended without an error.

    On any error the temporary file is removed and a file that was at `path` before stays as it was.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder is made when missing.

    Yields
    ------
    Path
        Name to write to, with the suffix of `path` (some writers choose the format by it).

    Raises
    ------
    DataError
        When the system refuses (disk full, no permission, a folder of that name).
    """
    path = Path(path)
    # named by chance, so that two runs that write the same file do not share it
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror or error})",
                        "Free some space or choose another folder, then run it again.") from error
    finally:
        # where its folder is a file or forbidden, there is nothing to remove and the error above says why
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
