"""What libraries raise on damaged bytes, library by library; anything else that they raise is a bug and stays one."""

import contextlib
import lzma
import struct
import traceback
import zlib

import tifffile

from mrcnn.errors import DataError, MrcnnError

# The operating system's, also for a file that ends early or is no longer there.
FILE = (OSError, EOFError)
TIFF = (
    *FILE,
    tifffile.TiffFileError,  # tifffile's own; a ValueError in newer versions only
    ValueError,  # a tag that contradicts another, a segment of the wrong size, text in no encoding
    struct.error,  # a directory or tag that ends early
    LookupError,  # tags that must be there and are not, tables shorter than declared
    ArithmeticError,  # sizes of 0 or beyond 64 bits
    RuntimeError,  # imagecodecs: each codec has a class of its own, and nothing else in common
    zlib.error,  # where tifffile decodes by Python's zlib
)
PILLOW = (
    *FILE,  # also `UnidentifiedImageError`, and most of what its decoders say
    ValueError,  # text and numbers of a chunk
    SyntaxError,  # no file of this format, or a broken chunk
    struct.error,  # a chunk that ends early
    LookupError,  # a chunk that ends early
    RuntimeError,  # imagecodecs
)
ZARR = (
    *FILE,  # also zarr's `NodeNotFoundError`
    ValueError,  # most of zarr's own errors, text that is no JSON, chunks of the wrong size
    LookupError,  # entries of the metadata that must be there
    ArithmeticError,  # a fill value that the type does not hold
    RuntimeError,  # numcodecs: Blosc, Zstd and LZ4
    zlib.error,  # numcodecs: Deflate and gzip
    lzma.LZMAError,  # numcodecs: LZMA
)
# Parser errors are SyntaxErrors; defusedxml's refusals and encodings of several bytes ValueErrors, unknown encodings
# LookupErrors.
XML = (SyntaxError, ValueError, LookupError)
# Where the decoder is not known, as behind a source or data set of a user's own.
ANY = tuple(dict.fromkeys(TIFF + PILLOW + ZARR))
# RuntimeErrors by which no decoder means damage.
BUGS = (NotImplementedError, RecursionError)


@contextlib.contextmanager
def damage_named(errors, path, problem, cure="The file is damaged or cut off: export or copy it again"):
    """Turn these errors, raised while a file is decoded, into a `DataError` that names the file.

    Parameters
    ----------
    errors : tuple of type
        One of this module.
    path : str or Path
    problem, cure : str
        As in `DataError`; the error's name and text are added to the problem.
    """
    try:
        yield
    except (MrcnnError, *BUGS):  # an `MrcnnError` is a ValueError, too, and says already what is wrong
        raise
    except errors as error:
        raise DataError(path, f"{problem} ({type(error).__name__}: {error})", cure) from error


def ends_in(error, *packages):
    """Whether an error was raised by code of one of these packages, and not by what it called or was called from."""
    return _places(error)[-1][0].partition(".")[0] in packages


def is_of_zarr_metadata(error):
    """Whether zarr says by this `TypeError` or `AssertionError` that the metadata of a file are damaged.

    It makes its objects from metadata by methods `from_dict`, and checks the values there, by these errors too. So one
    that ends in zarr, or in the registry of numcodecs, below such a method is damage; any other is a bug.
    """
    return ends_in(error, "zarr", "numcodecs") and any(
        module.startswith("zarr.") and function == "from_dict" for module, function in _places(error)
    )


def _places(error):
    """(module, function) of each frame that an error went through, the one that raised it last."""
    return [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_name)
        for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
