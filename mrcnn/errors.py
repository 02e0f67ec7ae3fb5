"""Errors that tell a user which file or setting is wrong, what is wrong with it, and what to do."""


class MrcnnError(ValueError):
    """Base of the errors that name a setting or file at fault. `MissingExtra` is none: it is an `ImportError`."""


class ConfigError(MrcnnError):
    """A setting that cannot work; the message names it and the cure."""


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
    """The error without its traceback and causes, whose frames would keep the pictures they had in memory."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class WeightsError(MrcnnError):
    """A weight file or checkpoint that cannot be read, or does not fit the model."""


class OutdatedLibrary(ImportError):
    """A library is older than what is called here; the message names it, the version needed and the cure."""

    def __init__(self, package, needed, found):
        super().__init__(
            f"This needs {package} {needed} or newer, and finds {found}. Install it with: "
            f"pip install --upgrade '{package}>={needed}'"
        )


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message holds the command that installs it."""

    def __init__(self, package, extra):
        super().__init__(
            f"This needs the package '{package}', of the extra '{extra}'. Install it with: pip install {package}"
        )
