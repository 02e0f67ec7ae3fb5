"""Label images: a folder of images and a folder of label images with the same names; each value is an object."""

from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import FileDataset, child_folder, existing_folder, pictures_by_stem, source_name
from mrcnn.data.readers.label_mode import LabelMode, pieces_sentence
from mrcnn.data.readers.labels import LabelRules, objects_from_labels
from mrcnn.data.readers.plausible import check_lossless
from mrcnn.errors import ConfigError, DataError

TRUTH_FOLDERS = ("labels", "label", "masks", "truth", "groundtruth", "ground_truth")


class LabelImageDataset(FileDataset):
    """Images, and for each a label image of the same name: 0 is background, every other value is an object.

    Label images are TIFF, PNG or BMP with whole numbers (8, 16 or 32 bit, or a palette); JPEG changes values and is
    rejected, also in a TIFF or under another name. A label image of zeros means that the image has no object.

    Parameters
    ----------
    path : str or Path
        The folder of images; or, without `truth`, a folder that holds `images` and `labels` (or `masks`).
    truth : str or Path, optional
        The folder of label images.
    suffix : str
        What follows the name of the image in the name of the label image, such as "_labels".
    mode : "instances", "semantic" or "auto", optional
        "instances": each value is an object. "semantic": the connected components of the non-zero pixels are the
        objects. "auto": a file is semantic if it holds only 0 and one other value. By default "semantic" if all label
        images together hold only 0 and one other value, which a warning says where it makes a difference; otherwise
        "instances", with a warning of labels in pieces far apart.
    class_map : dict, optional
        Class name for each label value, if there is more than one class ("instances" only).
    connectivity, watershed_distance_px, min_size_px
        As in `LabelRules`.
    no_background : bool
        True: label images without a pixel of 0 are meant; False: they are an error if one value looks like the
        background.
    class_name, source, pixel_size_nm, channels
        As in `FileDataset`.

    Raises
    ------
    DataError
        A folder is missing or empty, an image has no label image, or a label image has no image.
    """

    def __init__(
        self,
        path,
        truth=None,
        class_name="mitochondrion",
        source="labels",
        suffix="",
        mode=None,
        class_map=None,
        connectivity=2,
        watershed_distance_px=None,
        min_size_px=0,
        pixel_size_nm=None,
        channels=None,
        no_background=False,
    ):
        super().__init__(class_name, source, pixel_size_nm, channels)
        self._pieces_are_meant = mode is not None
        mode = "instances" if mode is None and class_map is not None else mode
        self._rules = LabelRules(mode, connectivity, watershed_distance_px, min_size_px, no_background)
        self._class_of = self._add_classes(class_map)
        images, labels = image_and_label_folders(path, truth)
        pictures = pictures_by_stem(images)
        found = label_files(labels, images, pictures, suffix)
        for stem, picture in pictures.items():
            if stem not in found:
                raise DataError(
                    picture,
                    f"has no label image {stem}{suffix} in {labels}",
                    "Add it (all zeros if the image has no object), or give both files the same name",
                )
            self.add_image(source, stem, picture, labels=found[stem], group=str(images / source_name(stem)))
        self._mode = LabelMode([(info["labels"], info["path"]) for info in self.image_info], self._rules)
        self.prepare()

    def _add_classes(self, class_map):
        if class_map is None:
            return None
        if not class_map or self._rules.mode != "instances":
            raise ConfigError("class_map must map label values to class names, and needs mode='instances'.")
        names = list(dict.fromkeys(class_map.values()))
        self.set_classes(names)
        return {int(value): names.index(name) + 1 for value, name in class_map.items()}

    def read_instances(self, info):
        """Objects from the label image of one image; raises `DataError` if it cannot be used."""
        path = info["labels"]
        labels, semantic = self._mode.read(path, info["path"])
        objects, values = objects_from_labels(labels, self._rules, semantic)
        if not semantic and not self._pieces_are_meant:
            before = "" if self._class_of is None else "give the classes by classes.csv instead of class_map, and "
            self.tell_once("pieces", lambda: pieces_sentence(objects, values, path, before))
        if self._class_of is not None:
            unknown = sorted(set(values.tolist()) - set(self._class_of))
            if unknown:
                raise DataError(
                    path,
                    f"has the label {unknown[0]}, which is not in class_map",
                    "Add it to class_map, or correct the label image",
                )
            objects.class_ids = np.array([self._class_of[v] for v in values.tolist()], np.int32)
        return objects


def label_files(labels, images, pictures, suffix="", required=True):
    """The label images of a folder as {stem of the image: path}, in the order of the images.

    Parameters
    ----------
    labels, images : Path
        The folders of the label images and of the images.
    pictures : dict of str to Path
        The images by stem.
    suffix : str
        What follows the stem of the image in the stem of its label image.
    required : bool
        True: a folder without an image is an error.

    Raises
    ------
    DataError
        A label image belongs to no image, or is a JPEG.
    """
    found = pictures_by_stem(labels, required)
    stems = {stem + suffix: stem for stem in pictures}
    for name, file in found.items():
        if name not in stems:
            raise DataError(
                file,
                f"is a label image, but {images} has no image {name.removesuffix(suffix) if suffix else name}",
                "Add the image, or give both files the same name",
            )
        check_lossless(file, inside=False)
    return {stem: found[name] for name, stem in stems.items() if name in found}


def label_folder(path):
    """The folder of label images inside `path` (a name in `TRUTH_FOLDERS`), or None."""
    return next((f for f in (child_folder(path, name) for name in TRUTH_FOLDERS) if f is not None), None)


def image_and_label_folders(path, truth=None):
    """The folder of images and the folder of label images, as `LabelImageDataset` takes them.

    Raises `DataError` if one does not exist.
    """
    path = existing_folder(path, "images inside")
    if truth is not None:
        return path, existing_folder(truth, "label images inside")
    images, labels = child_folder(path, "images"), label_folder(path)
    if images is None or labels is None:
        raise DataError(
            path,
            "does not hold the folders images and labels",
            "Pass the folder of label images as truth, or arrange images/<name>.tif and labels/<name>.tif",
        )
    return Path(images), Path(labels)
