"""Exceptions that libraries raise on damaged bytes, per library; any other exception is a bug and passes through."""

import contextlib
import lzma
import struct
import traceback
import zlib

import tifffile

from mrcnn.errors import DataError, MrcnnError

# Of the operating system, also for a file that ends early or no longer exists.
FILE = (OSError, EOFError)
TIFF = (
    *FILE,
    tifffile.TiffFileError,  # tifffile's own; a ValueError only in newer versions
    ValueError,  # contradictory tags, a segment of the wrong size, text in no known encoding
    struct.error,  # a directory or tag that ends early
    LookupError,  # missing required tags, tables shorter than declared
    ArithmeticError,  # sizes of 0 or beyond 64 bits
    RuntimeError,  # imagecodecs: each codec has its own class, with nothing else in common
    zlib.error,  # where tifffile decodes with Python's zlib
)
PILLOW = (
    *FILE,  # also `UnidentifiedImageError`, and most decoder errors
    ValueError,  # text and numbers of a chunk
    SyntaxError,  # not a file of this format, or a broken chunk
    struct.error,  # a chunk that ends early
    LookupError,  # a chunk that ends early
    RuntimeError,  # imagecodecs
)
ZARR = (
    *FILE,  # also zarr's `NodeNotFoundError`
    ValueError,  # most of zarr's own errors, invalid JSON, chunks of the wrong size
    LookupError,  # missing required metadata entries
    ArithmeticError,  # a fill value out of range for the type
    RuntimeError,  # numcodecs: Blosc, Zstd and LZ4
    zlib.error,  # numcodecs: Deflate and gzip
    lzma.LZMAError,  # numcodecs: LZMA
)
BIOIO = (
    *FILE,
    ValueError,  # sizes and types that contradict one another
    SyntaxError,  # XML that cannot be parsed
    struct.error,  # a header that ends early
    LookupError,  # missing metadata
    ArithmeticError,
    RuntimeError,  # libCZI
    zlib.error,  # compressed frames of ND2
)
# Parser errors are SyntaxErrors; defusedxml's refusals and multi-byte encodings are ValueErrors, unknown encodings are
# LookupErrors.
XML = (SyntaxError, ValueError, LookupError)
# Where the decoder is unknown, as in a user's own source or data set.
ANY = tuple(dict.fromkeys(TIFF + PILLOW + ZARR))
# RuntimeErrors that no decoder raises for damaged files.
BUGS = (NotImplementedError, RecursionError)


@contextlib.contextmanager
def memory_named(path):
    """Turn a `MemoryError` into a `DataError` that names the file, so that it ends only the work on this file."""
    try:
        yield
    except MemoryError as error:
        said = f" ({error})" if str(error) else ""
        raise DataError(
            path, f"does not fit into memory{said}", "Cut it into parts, or use a computer with more memory"
        ) from error


@contextlib.contextmanager
def damage_named(errors, path, problem, cure="The file is damaged or truncated: export or copy it again"):
    """Turn these errors, raised while decoding a file, into a `DataError` that names the file.

    Parameters
    ----------
    errors : tuple of type
        One of the tuples of this module.
    path : str or Path
    problem, cure : str
        As in `DataError`; the name and text of the error are appended to the problem.
    """
    try:
        yield
    except (MrcnnError, *BUGS):  # an `MrcnnError` is also a ValueError, but already states what is wrong
        raise
    except errors as error:
        raise DataError(path, f"{problem} ({type(error).__name__}: {error})", cure) from error


def ends_in(error, *packages):
    """Whether an error was raised by code of one of these packages itself, not by its callers or callees."""
    return _places(error)[-1][0].partition(".")[0] in packages


def is_of_zarr_metadata(error):
    """Whether this `TypeError` or `AssertionError` is zarr's way of reporting damaged metadata.

    zarr creates its objects from metadata in `from_dict` methods, which check the values and may raise these errors. So
    an error raised in zarr, or in the registry of numcodecs, below such a method means damage; any other is a bug.
    """
    return ends_in(error, "zarr", "numcodecs") and any(
        module.startswith("zarr.") and function == "from_dict" for module, function in _places(error)
    )


def _places(error):
    """(module, function) of each frame that an error passed through; the one that raised it comes last."""
    return [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_name)
        for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
