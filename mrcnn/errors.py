"""Errors that tell the user which file or setting is wrong, why, and what to do about it."""

import sys
import warnings


class MrcnnError(ValueError):
    """Base class of the errors that name a faulty setting or file. `MissingExtra` is an `ImportError` instead."""


class ConfigError(MrcnnError):
    """An invalid setting; the message names it and the remedy."""


class DataError(MrcnnError):
    """An image, mask or annotation that cannot be used.

    Parameters
    ----------
    path : str or Path
        The file (or folder) at fault.
    problem : str
        What is wrong with it.
    cure : str
        What the user can do.
    """

    def __init__(self, path, problem, cure):
        super().__init__(path, problem, cure)
        self.path, self.problem, self.cure = str(path), problem, cure

    def __str__(self):
        return f"{self.path}: {self.problem}. {self.cure}"


def without_frames(error):
    """The error without its traceback and causes, whose frames would keep images in memory."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class WeightsError(MrcnnError):
    """A weight file or checkpoint that cannot be read, or does not fit the model."""


class OutdatedLibrary(ImportError):
    """A library is too old; the message names it, the required version and the remedy."""

    def __init__(self, package, needed, found):
        super().__init__(
            f"This needs {package} {needed} or newer, but {found} is installed. Upgrade it with: "
            f"pip install --upgrade '{package}>={needed}'"
        )


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message gives the command that installs it."""

    def __init__(self, package, extra):
        super().__init__(
            f"This needs the package '{package}' (extra '{extra}'). Install it with: pip install {package}"
        )


class LimitReached(UserWarning):
    """A setting limited how many objects were found in an image, so there may be more."""


class EmptyField(UserWarning):
    """An image shows nothing but noise, and its numbers are stretched less than those of other images."""


def warn(message, category=UserWarning):
    """Warn the code that called this package: its line is named, not one of ours."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "mrcnn":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
