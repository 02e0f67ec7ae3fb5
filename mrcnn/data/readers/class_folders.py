"""Label images of several classes: `images/<name>.tif` and one folder per class, `labels/CLASS/<name>.tif`."""

from mrcnn.data.readers.file_dataset import FileDataset, checked_classes, pictures_by_stem, source_name
from mrcnn.data.readers.label_images import image_and_label_folders, label_files
from mrcnn.data.readers.label_mode import LabelMode, pieces_sentence
from mrcnn.data.readers.labels import LabelRules, objects_from_labels, objects_of_classes
from mrcnn.errors import DataError
from mrcnn.formats.annotation import check_class
from mrcnn.images.read import image_shape, list_images, natural_key


class ClassFolderDataset(FileDataset):
    """Images, and for each a label image of the same name in the folder of every class that it has objects of.

    An image without a label image in one of the folders has no object of that class; it must have one in at least one
    folder, which may be all zeros. Objects of different classes may overlap; each keeps its whole mask. A pixel has
    one class in the training of a semantic network: that of the smallest object that covers it (`mrcnn.data.crops`).
    Objects are in the order of their class ids.

    Parameters
    ----------
    path : str or Path
        The folder of images; or, without `truth`, a folder that holds `images` and `labels`.
    truth : str or Path, optional
        The folder that holds one folder of label images per class, whose name is the name of the class.
    classes : sequence of str, optional
        Class names in the order of their ids, from 1; by default the names of the folders, in natural order. Set them
        if several data sets must agree; there need not be a folder for every class.
    suffix, mode, connectivity, watershed_distance_px, min_size_px, no_background
        As in `LabelImageDataset`; they apply to the label images of each class.
    source, pixel_size_nm, channels
        As in `FileDataset`.

    Raises
    ------
    DataError
        A folder is missing, there is no folder of label images, one is for a class that is not in `classes`, an image
        has no label image, or a label image has no image.
    ConfigError
        `classes` is not a list of distinct names, or another option is invalid.
    """

    def __init__(
        self,
        path,
        truth=None,
        classes=None,
        source="labels",
        suffix="",
        mode=None,
        connectivity=2,
        watershed_distance_px=None,
        min_size_px=0,
        pixel_size_nm=None,
        channels=None,
        no_background=False,
    ):
        super().__init__(source=source, pixel_size_nm=pixel_size_nm, channels=channels)
        self._rules = LabelRules(mode, connectivity, watershed_distance_px, min_size_px, no_background)
        images, labels = image_and_label_folders(path, truth)
        folders = class_folders(labels)
        if not folders:
            raise DataError(
                labels,
                "holds no folder of label images",
                "Expected: one folder per class, each with <name>.tif for the images that have objects of this class",
            )
        classes = checked_classes(classes) or list(folders)
        for name, folder in folders.items():
            check_class(folder, name, classes)
        self.set_classes(classes)
        pictures = pictures_by_stem(images)
        found = {
            classes.index(name) + 1: label_files(folder, images, pictures, suffix, required=False)
            for name, folder in folders.items()
        }
        for stem, picture in pictures.items():
            files = [(class_id, found[class_id][stem]) for class_id in sorted(found) if stem in found[class_id]]
            if not files:
                raise DataError(
                    picture,
                    f"has no label image {stem}{suffix} in any class folder of {labels} ({', '.join(folders)})",
                    "Add it to the folders of its classes (all zeros if the image has no object), or give both files "
                    "the same name",
                )
            self.add_image(source, stem, picture, labels=files, group=str(images / source_name(stem)))
        self._modes = {
            class_id: LabelMode([(path, pictures[stem]) for stem, path in files.items()], self._rules)
            for class_id, files in found.items()
        }
        self.prepare()

    def read_instances(self, info):
        """Objects from the label images of one image; raises `DataError` if one cannot be used."""
        parts = []
        for class_id, path in info["labels"]:
            labels, semantic = self._modes[class_id].read(path, info["path"])
            objects, values = objects_from_labels(labels, self._rules, semantic)
            if not semantic and self._rules.mode is None:
                self._tell_pieces(objects, values, path)
            parts.append((class_id, objects))
        return objects_of_classes(image_shape(info["path"])[:2], parts)

    def _tell_pieces(self, objects, values, path):
        self.tell_once("pieces", lambda: pieces_sentence(objects, values, path))


def class_folders(labels):
    """The folders of classes in the folder `labels`, {name: path} in natural order; dot-folders are skipped.

    Without an image in any of them there are none.
    """
    found = [p for p in labels.iterdir() if p.is_dir() and not p.name.startswith(".")]
    found = sorted(found, key=lambda p: (natural_key(p), p.name))
    return {p.name: p for p in found} if any(list_images(p) for p in found) else {}
