"""`Dataset`: the images and objects to train and evaluate on, compatible with Matterport's class."""

import copy
import os
from collections.abc import Sequence
from typing import Self

import numpy as np

from mrcnn.config import Config
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size


class Dataset:
    """Images, classes and objects. Subclass it and override `load_mask` or `load_instances`, whichever is easier.

    A subclass adds its classes (`add_class`) and images (`add_image`), then `prepare` makes it ready for use. Data of
    one image are passed to `add_image` as keywords, so `subset` keeps them. Two keywords have a meaning:
    `pixel_size_nm`, a number or (y, x), and `group`, the source image, whose parts must stay together in a split.

    Attributes
    ----------
    class_info : list of dict
        `source`, `id` and `name` of each class; the first is the background, "BG".
    image_info : list of dict
        `id`, `source` and `path` of each image, and the keywords of `add_image`.
    channels : int or None
        Channels returned by `load_image`. None: as in Matterport's package, grey becomes RGB.
    """

    channels = None

    def __init__(self, class_map: dict | None = None):
        self.class_map = class_map
        self.image_info: list[dict] = []
        self.class_info: list[dict] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}
        self._image_ids = np.zeros(0, np.int64)

    def __init_subclass__(cls, **kwargs):
        # A class that defines one of the two methods gets the other from it, because the parent's no longer fits. Bound
        # to this class, so an override that calls super() does not recurse into itself.
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "load_mask" in own and "load_instances" not in own:
            load_mask = own["load_mask"]
            cls.load_instances = lambda self, image_id: _instances_of(self, image_id, load_mask(self, image_id))
            cls.load_instances.comes_from_load_mask = True
        elif "load_instances" in own and "load_mask" not in own:
            load_instances = own["load_instances"]
            cls.load_mask = lambda self, image_id: _mask_of(load_instances(self, image_id))

    # --- Building ---
    def add_class(self, source: str, class_id: int | str, class_name: str) -> None:
        """Add a class; an existing one is left unchanged.

        Parameters
        ----------
        source : str
            Name of the data set that the class comes from; without a dot.
        class_id : int or str
            The class's id within its source.
        class_name : str

        Raises
        ------
        ConfigError
            `source` contains a dot.
        """
        if "." in source:
            raise ConfigError(f"The source name '{source}' contains a dot, which separates source and id. Remove it.")
        if not any(info["source"] == source and info["id"] == class_id for info in self.class_info):
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id: int | str, path: str | os.PathLike | None, **kwargs) -> None:
        """Add an image: its source, its id within the source, its path (or None), and any other data as keywords."""
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def prepare(self, class_map: dict | None = None) -> None:
        """Make the data set ready for use; call it after the last `add_class` and `add_image`.

        `class_map` is accepted for compatibility with Matterport's package; as there, it has no effect.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = {f"{info['source']}.{info['id']}": i for i, info in enumerate(self.class_info)}
        self.image_from_source_map = {f"{info['source']}.{info['id']}": i for i, info in enumerate(self.image_info)}
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        # The background belongs to every source.
        self.source_class_ids = {
            source: [i for i, info in enumerate(self.class_info) if i == 0 or info["source"] == source]
            for source in self.sources
        }

    def subset(self, image_ids: Sequence[int] | np.ndarray) -> Self:
        """A prepared data set of the same class with only these images (ids int [K]), renumbered 0 to K - 1.

        Raises `ConfigError` for an unknown id.
        """
        image_ids = np.atleast_1d(np.asarray(image_ids))
        if image_ids.size and (
            image_ids.dtype.kind not in "ui" or image_ids.min() < 0 or image_ids.max() >= len(self.image_info)
        ):
            raise ConfigError(f"subset takes image ids from 0 to {len(self.image_info) - 1}, not {image_ids.tolist()}.")
        view = copy.copy(self)
        view.class_info = list(self.class_info)
        view.image_info = [self.image_info[i] for i in image_ids]
        view.prepare()
        return view

    # --- Ids ---
    @property
    def image_ids(self) -> np.ndarray:
        """Ids of the images, int [K]: 0 to K - 1."""
        return self._image_ids

    def map_source_class_id(self, source_class_id: str) -> int:
        """Class id of a class, given as "source.id"; raises `ConfigError` if there is none."""
        if source_class_id not in self.class_from_source_map:
            known = ", ".join(self.class_from_source_map)
            raise ConfigError(f"There is no class '{source_class_id}'. Known classes: {known}.")
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> int | str:
        """Id of a class within its source; raises `ConfigError` if it comes from a different source."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ConfigError(f"Class {class_id} ({info['name']}) comes from '{info['source']}', not from '{source}'.")
        return info["id"]

    def source_image_link(self, image_id):
        """Path or URL of an image."""
        return self.image_info[image_id]["path"]

    def image_reference(self, image_id: int) -> str:
        """A human-readable reference to the image; override it to give more than the path."""
        return str(self.image_info[image_id]["path"] or "")

    def group(self, image_id: int) -> str:
        """The source image (str) that this one belongs to: the keyword `group`, or the path, or source and id."""
        info = self.image_info[image_id]
        return str(info.get("group") or info["path"] or f"{info['source']}.{info['id']}")

    # --- Images and objects ---
    def load_image(self, image_id: int) -> np.ndarray:
        """Image [H, W, C] in the data type of its file; grey becomes RGB and alpha is dropped unless `channels` is set.

        Raises `DataError` if the file cannot be used.
        """
        from mrcnn.data.molding import to_channels
        from mrcnn.images.read import read_image

        info = self.image_info[image_id]
        image = read_image(info["path"], info.get("page"), keep_alpha=self.channels in (2, 4))
        return to_channels(image, self.channels, info["path"])

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Masks bool [H, W, N] and class ids int32 [N] of an image's objects; without an override there are none."""
        load_instances = type(self).load_instances
        # An override of this method calls super() for an image that is not its own or has no objects.
        if load_instances is not Dataset.load_instances and not hasattr(load_instances, "comes_from_load_mask"):
            return _mask_of(self.load_instances(image_id))
        return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)

    def load_instances(self, image_id: int) -> Instances:
        """An image's objects as `Instances`, with masks the size of their boxes; by default made from `load_mask`.

        Raises `DataError` if masks and class ids do not match.
        """
        return _instances_of(self, image_id, self.load_mask(image_id))

    def has_masks(self, image_id: int) -> bool:
        """Whether the masks of an image's objects are real; False: they are filled boxes, unsuitable for training.

        Data sets of boxes override this method.
        """
        return True

    def object_count(self, image_id: int) -> int:
        """Number of objects in an image; readers that know it without decoding override this method."""
        return len(self.load_instances(image_id))

    def image_shape(self, image_id: int) -> tuple[int, ...]:
        """Shape (H, W, C) of an image; readers take it from the header of the file."""
        return self.load_image(image_id).shape

    def pixel_size_nm(self, image_id: int) -> tuple[float, float] | None:
        """Height and width of a pixel in nm, (y, x), or None if unknown."""
        return as_pixel_size(self.image_info[image_id].get("pixel_size_nm"))

    def states_unusable_size(self, image_id: int) -> bool:
        """Whether the file of an image states a pixel size that cannot be used, so that no other may replace it."""
        return False

    def describe(self, limit: int = 100) -> str:
        """A short summary: images, their sizes, and objects per class, counted in at most the first `limit` images."""
        looked_at = list(range(min(limit, len(self.image_info))))
        sizes = sorted({tuple(int(n) for n in self.image_shape(i)[:2]) for i in looked_at})
        counts = np.zeros(len(self.class_info), np.int64)
        for i in looked_at:
            class_ids = self.load_instances(i).class_ids
            counts += np.bincount(class_ids[class_ids > 0], minlength=len(counts))
        size = (
            "none"
            if not sizes
            else " x ".join(map(str, sizes[0]))
            if len(sizes) == 1
            else (f"{len(sizes)} sizes from {' x '.join(map(str, sizes[0]))} to {' x '.join(map(str, sizes[-1]))}")
        )
        part = "" if len(looked_at) == len(self.image_info) else f" (in the first {len(looked_at)} images)"
        lines = [
            f"{len(self.image_info)} images, {len({self.group(i) for i in range(len(self.image_info))})} groups",
            f"size (rows x columns): {size}",
        ]
        lines += [f"{info['name']}: {n} objects{part}" for info, n in zip(self.class_info[1:], counts[1:], strict=True)]
        return "\n".join(lines)


def count_objects(dataset, limit=None):
    """Number of objects in all images of a data set; counting stops once `limit` is reached."""
    total = 0
    for image_id in range(len(dataset.image_info)):
        total += dataset.object_count(image_id)
        if limit is not None and total >= limit:
            break
    return total


def validate_dataset(dataset: Dataset, config: Config) -> None:
    """Raise `ConfigError` or `DataError` if a data set cannot be used for training with this `Config`.

    The data set must be prepared, have NUM_CLASSES classes, and have images, at least one of them with an object.
    """
    name = type(dataset).__name__
    if len(dataset.image_ids) != len(dataset.image_info):
        raise ConfigError(f"The data set {name} is not ready: call its prepare() after the last add_image().")
    config.validate(dataset.class_names)
    if not dataset.image_info:
        raise DataError(name, "has no images", "Check the folder that it was created from")
    if not count_objects(dataset, limit=1):
        raise DataError(
            dataset.image_info[0]["path"] or name,
            f"neither this nor any other of the {dataset.num_images} images of {name} has an object",
            "Label some objects, or check that the masks were found",
        )


def name_of(dataset, image_id):
    """Name of an image in messages: its reference, or its path, or its index in the data set."""
    try:
        reference = dataset.image_reference(image_id)
    except Exception:  # an error in a user's own method must neither hide another error nor stop the training
        reference = None
    return str(reference or dataset.image_info[image_id].get("path") or f"image {image_id}")


def _mask_of(instances):
    return instances.to_masks(), instances.class_ids


def _instances_of(dataset, image_id, loaded):
    masks, class_ids = loaded
    masks, class_ids = np.asarray(masks), np.asarray(class_ids)
    if masks.ndim != 3 or class_ids.shape != (masks.shape[-1],):
        raise DataError(
            name_of(dataset, image_id),
            f"load_mask returned masks of shape {masks.shape} and class ids of shape {class_ids.shape}",
            "It must return [height, width, objects] and [objects]",
        )
    if class_ids.size and class_ids.max() >= len(dataset.class_info):
        raise DataError(
            name_of(dataset, image_id),
            f"load_mask returned the class id {class_ids.max()}, but there are "
            f"only {len(dataset.class_info)} classes, background included",
            "Add the class with add_class before prepare",
        )
    # In many scripts the mask of an image without objects has no size, so the size of the image is used.
    shape = masks.shape[:2] if masks.shape[-1] else dataset.image_shape(image_id)[:2]
    return Instances.from_mask_iterator(
        shape,
        (masks[..., i] > 0 for i in range(masks.shape[-1])),
        class_ids,
        pixel_size_nm=dataset.pixel_size_nm(image_id),
    )
