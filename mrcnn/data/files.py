"""Writing a file of a data set so that it is there whole or not at all."""
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

from mrcnn.errors import DataError


@contextmanager
def whole_file(path):
    """Give a temporary name beside `path`, which becomes `path` when the block has ended without an error.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder is made when missing. One that is there stays as it is until the end.

    Yields
    ------
    Path
        Name to write to, of the suffix of `path`. It starts with a dot, so that no reader takes it for a picture.

    Raises
    ------
    DataError
        When the system refuses (disk full, no permission).
    """
    path = Path(path)
    draft = path.with_name(f".part-{secrets.token_hex(8)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror or error})",
                        "Check the folder's permissions and the space left") from error
    finally:
        with suppress(OSError):      # after the rename, or where the folder is none, there is nothing of this name
            draft.unlink(missing_ok=True)
