"""Base class of the readers: images by path, objects decoded on demand and cached as box-sized masks."""

import re
from pathlib import Path

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import ConfigError, DataError, warn
from mrcnn.formats.annotation import check_class
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.images.pixel_size import read_stated_size
from mrcnn.images.read import EXTENSIONS, image_shape, list_images
from mrcnn.images.recent import Recent

CACHE_BYTES = 512 * 2**20  # of box-sized masks cached per data set
MISSING = ("error", "background")


class FileDataset(Dataset):
    """A data set whose images and objects are in files. Subclasses define `read_instances`, and any further classes.

    Parameters
    ----------
    class_name : str
        Name of the objects' class.
    source : str
        Name of the data set, for `image_info` and `class_info`.
    pixel_size_nm : float or (float, float), optional
        Height and width of a pixel in nm; by default as stated in each image's file.
    channels : int, optional
        Channels returned by `load_image`; by default as in Matterport's package (grey becomes RGB).

    Raises
    ------
    ConfigError
        The pixel size or number of channels is invalid.
    """

    def __init__(self, class_name="mitochondrion", source="files", pixel_size_nm=None, channels=None):
        super().__init__()
        if channels is not None and (isinstance(channels, bool) or not isinstance(channels, int) or channels < 1):
            raise ConfigError(f"channels must be a whole number of at least 1 or None, not {channels!r}.")
        self.channels = channels
        self._source = source
        self._given_pixel_size = as_pixel_size(pixel_size_nm)
        self._cache = Recent(CACHE_BYTES)
        self._told: set[object] = set()  # kinds of warnings given, for all subsets together
        self._new_ids = None  # set by `renumber_classes`: new id of each id that `read_instances` gives
        self.set_classes([class_name])

    def set_classes(self, names):
        """Replace the classes of the objects by these names, with ids from 1; `prepare` must follow."""
        del self.class_info[1:]
        for class_id, name in enumerate(names, start=1):
            self.add_class(self._source, class_id, name)

    def renumber_classes(self, classes, where):
        """Give the classes the ids that they have in a list, so that several data sets agree; then prepare.

        Parameters
        ----------
        classes : list of str
            Names in the order of their ids, from 1. Classes without an object are added.
        where : str or Path
            Names the data set in the message.

        Raises
        ------
        DataError
            A class of this data set is not in the list.
        """
        names = [info["name"] for info in self.class_info[1:]]
        for name in names:
            check_class(where, name, classes)
        old = np.arange(len(names) + 1) if self._new_ids is None else self._new_ids
        self._new_ids = np.array([0, *(classes.index(name) + 1 for name in names)], np.int32)[old]
        self.set_classes(classes)
        self.prepare()

    def read_instances(self, info):
        """Decode the objects of the image of this `image_info` entry; raises `DataError` if it has no ground truth.

        The base class has none; subclasses know where to find it.
        """
        raise DataError(
            info["path"],
            "contains images without ground truth",
            "To train or evaluate, provide the ground truth too",
        )

    def tell_once(self, kind, sentence):
        """Warn of a kind of problem once per data set; `sentence` () -> str, or None if there is no such problem."""
        if kind in self._told:
            return
        text = sentence()
        if text is not None:
            self._told.add(kind)
            warn(text)

    def load_instances(self, image_id):
        """The objects of an image with box-sized masks; decoded one mask at a time, and cached.

        Raises `DataError` naming the file at fault.
        """
        info = self.image_info[image_id]
        key = info["source"], info["id"]
        found = self._cache.get(key)
        if found is None:
            found = self.read_instances(info)
            self._cache.put(key, found, _bytes(found))
        class_ids = found.class_ids
        if self._new_ids is not None:
            class_ids = np.sign(class_ids) * self._new_ids[np.abs(class_ids)]
        # Copies for the caller, who may modify them.
        return Instances(
            found.image_shape,
            found.boxes.copy(),
            class_ids.copy(),
            found.scores.copy(),
            [m.copy() for m in found.masks],
            self.pixel_size_nm(image_id),
        )

    def image_shape(self, image_id):
        """Rows, columns and channels of the stored image, without alpha, from its header."""
        info = self.image_info[image_id]
        shape = image_shape(info["path"], info.get("page"))
        return shape if len(shape) == 3 else (*shape, 1)

    def pixel_size_nm(self, image_id):
        """Height and width of a pixel in nm, (y, x): as given, or from the file, or None."""
        info = self.image_info[image_id]
        if self._given_pixel_size is not None:
            return self._given_pixel_size
        if "pixel_size_nm" not in info:
            stated = read_stated_size(info["path"])
            info["pixel_size_nm"], info["pixel_size_problem"] = stated.pixel_nm, stated.pixel_problem
            self.tell_once(("pixel size", stated.pixel_problem), lambda: _size_sentence(info["path"], stated))
        return as_pixel_size(info["pixel_size_nm"])

    def states_unusable_size(self, image_id):
        """Whether the file states a pixel size that cannot be used, such as one in an unknown unit."""
        return self.pixel_size_nm(image_id) is None and self.image_info[image_id].get("pixel_size_problem") is not None


def _size_sentence(path, stated):
    if stated.pixel_problem is None:
        return None
    return (
        f"{path}: {stated.pixel_problem}, so it is not used: give the true size with pixel_size_nm (--pixel-size-nm). "
        "Other images of which this is true are not named."
    )


def _bytes(instances):
    return 256 + sum(m.nbytes for m in instances.masks)


def existing_folder(path, what):
    """`path` as a `Path`; raises `DataError` if it is not a folder."""
    path = Path(path)
    if not path.is_dir():
        raise DataError(path, f"is not a folder ({what} expected)", "Check the path")
    return path


def child_folder(path, *names):
    """The folder in `path` with one of these names (given in lower case), ignoring case, or None.

    Raises `DataError` if there are two.
    """
    found = sorted(p for p in Path(path).iterdir() if p.is_dir() and p.name.lower() in names)
    if len(found) > 1:
        raise DataError(path, f"holds both {found[0].name} and {found[1].name}", "Keep one of them")
    return found[0] if found else None


def pictures_by_stem(folder, required=True):
    """The images of a folder as {stem: path} in natural order.

    Raises `DataError` for a duplicate stem; and if there is no image, unless `required` is False.
    """
    pictures = {}
    for path in list_images(folder):
        if path.stem in pictures:
            raise DataError(path, f"has the same name as {pictures[path.stem].name}", "Keep one of them, or rename one")
        pictures[path.stem] = path
    if required and not pictures:
        raise DataError(folder, "holds no image", f"Supported formats are {', '.join(EXTENSIONS)}")
    return pictures


def checked_classes(classes):
    """`classes` as a list, or None; raises `ConfigError` unless they are distinct names. A str is one name."""
    if classes is None:
        return None
    classes = [classes] if isinstance(classes, str) else list(classes)
    if not classes or len(set(classes)) < len(classes) or not all(isinstance(n, str) and n for n in classes):
        raise ConfigError(f"classes must be distinct class names, not {classes!r}.")
    return classes


def check_choice(name, value, choices):
    """Raise `ConfigError` unless the option has one of the allowed values."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")


# Endings of copies written by `mrcnn.data.preprocess`; the double underscore distinguishes them from users' own names.
COPY_SUFFIXES = ("__mirror", "__rot180", "__mirror_rot180")
_COPY = re.compile(rf"({'|'.join(COPY_SUFFIXES[::-1])})$")


def source_name(stem):
    """Name of the image that a copy was made from: `cell_3__mirror` and `cell_3__rot180` give `cell_3`."""
    return _COPY.sub("", stem)
