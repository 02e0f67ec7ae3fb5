"""Images with annotated boxes in any format of `mrcnn.formats`, and with masks if there are outlines."""

from collections import Counter

import numpy as np

from mrcnn.data.readers.file_dataset import FileDataset, check_choice, checked_classes, source_name
from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.annotation import check_class, check_outside, checked_box
from mrcnn.formats.open import read_annotations
from mrcnn.formats.paths import refuse_twice
from mrcnn.geometry.instances import Instances
from mrcnn.images.read import image_shape

DIFFICULT = ("keep", "drop")


class BoxDataset(FileDataset):
    """Annotated images and their objects; the mask of an object without an outline is its filled box.

    A crowd has a negative class id, which training and evaluation ignore. `has_masks` tells for each image whether its
    masks are real, so the mask head does not learn that cells are rectangles.

    Parameters
    ----------
    path : str, Path, or sequence of ImageAnnotation
        A file or folder that `mrcnn.formats.open.read_annotations` reads, or its result.
    images : str or Path, optional
        The folder of the images; by default where the format usually has them.
    classes : sequence of str, optional
        Class names in the order of their ids, from 1; by default those of `class_map`, or those used, in alphabetical
        order. Set them if several data sets must agree.
    class_map : dict of str to (str or None), optional
        The class of each annotated label; None: objects with this label are left out. Labels that are not in it are an
        error. By default labels are classes.
    difficult : "keep" or "drop"
        What to do with objects marked as difficult.
    boxes_as_masks : bool
        True: filled boxes count as masks, so the mask head is trained on them.
    outlines : bool
        False: outlines are not decoded, and every object is its box; sufficient for a Faster R-CNN.
    outside : "error" or "clip"
        What to do with a box that is partly outside its image.
    annotation_format : str, optional
        By default it is detected.
    source, pixel_size_nm, channels
        As in `FileDataset`.
    **options
        Options of the format, such as `class_file` (YOLO) or `attribute` (VIA).

    Raises
    ------
    DataError
        As `read_annotations`; or an image does not exist, or there are no objects at all.
    ConfigError
        `class_map` and `classes` contradict each other.
    """

    def __init__(
        self,
        path,
        images=None,
        classes=None,
        class_map=None,
        difficult="keep",
        boxes_as_masks=False,
        outlines=True,
        outside="error",
        annotation_format=None,
        source="boxes",
        pixel_size_nm=None,
        channels=None,
        **options,
    ):
        super().__init__(source=source, pixel_size_nm=pixel_size_nm, channels=channels)
        check_choice("difficult", difficult, DIFFICULT)
        check_outside(outside)
        self._boxes_as_masks, self._outlines, self._outside = bool(boxes_as_masks), bool(outlines), outside
        classes, class_map = _checked_classes(classes, class_map)
        labels = classes if class_map is None else list(class_map)
        if isinstance(path, (list, tuple)):
            annotations, path = _checked(path, labels), "annotations"
        else:
            annotations = read_annotations(path, images, labels, outside, annotation_format, **options)
        names = [[name if class_map is None else class_map[name] for name in a.class_names] for a in annotations]
        if classes is None:
            classes = sorted({name for found in names for name in found if name is not None})
        if not classes:
            raise DataError(
                path,
                f"has no object in any of its {len(annotations)} images",
                "Label some objects, or pass classes if there really are none",
            )
        self.set_classes(classes)
        stems = Counter(a.image.stem for a in annotations)
        for annotation, found in zip(annotations, names):
            if not annotation.image.is_file():
                raise DataError(
                    annotation.where,
                    f"is for the image {annotation.image}, which does not exist",
                    "Pass the image folder as images=..., or correct the name",
                )
            class_ids = np.array([0 if name is None else classes.index(name) + 1 for name in found], np.int32)
            if difficult == "drop":
                class_ids[annotation.difficult] = 0
            class_ids[annotation.crowd] *= -1
            image = annotation.image
            self.add_image(
                source,
                image.stem if stems[image.stem] == 1 else str(image),
                image,
                annotation=annotation,
                class_ids=class_ids,
                group=str(image.parent / source_name(image.stem)),
            )
        self.prepare()

    def has_masks(self, image_id):
        """Whether every object in the image has an outline, or `boxes_as_masks` is True."""
        info = self.image_info[image_id]
        return (
            self._boxes_as_masks
            or self._outlines
            and all(info["annotation"].segment(i) is not None for i in np.flatnonzero(info["class_ids"] > 0))
        )

    def object_count(self, image_id):
        """Number of objects in the image, without crowds and those left out."""
        return int(np.count_nonzero(self.image_info[image_id]["class_ids"] > 0))

    def read_instances(self, info):
        """The objects with the masks of their outlines, or of their boxes if the outline is missing or empty.

        Raises `DataError` if the image size differs from the annotation, or an outline cannot be used.
        """
        annotation, path = info["annotation"], info["path"]
        shape = image_shape(path)[:2]
        if annotation.image_shape not in (None, shape):
            raise DataError(
                annotation.where,
                "states that {} has {} rows and {} columns, but it has {} and {}".format(
                    path, *annotation.image_shape, *shape
                ),
                "Restore the image that was labelled, or label this one",
            )
        boxes, masks, kept = [], [], np.flatnonzero(info["class_ids"])
        for i in kept:
            where = f"{annotation.where}, object {i + 1}"
            box = checked_box(where, annotation.boxes[i].tolist(), shape, self._outside)
            segment = annotation.segment(i) if self._outlines else None
            outlined = None if segment is None else Instances.from_mask_iterator(shape, [segment.mask(shape, where)])
            if outlined:
                box, mask = outlined.boxes[0].tolist(), outlined.masks[0]
            else:
                mask = np.ones((box[2] - box[0], box[3] - box[1]), bool)
            boxes.append(box)
            masks.append(mask)
        return Instances(shape, np.array(boxes, np.int32).reshape(-1, 4), info["class_ids"][kept], masks=masks)


def _checked_classes(classes, class_map):
    """`classes` as a list, by default from `class_map`, and `class_map` as a dict; None if unknown."""
    classes = checked_classes(classes)
    if class_map is None:
        return classes, None
    class_map = dict(class_map)
    targets = list(dict.fromkeys(name for name in class_map.values() if name is not None))
    if not targets:
        raise ConfigError("class_map must name at least one class.")
    for name in targets:
        if classes is not None and name not in classes:
            raise ConfigError(
                f"class_map contains the class '{name}', which is not in the list ({', '.join(classes)})."
            )
    return classes or targets, class_map


def _checked(annotations, labels):
    for annotation in annotations:
        for i, name in enumerate(annotation.class_names, start=1):
            check_class(f"{annotation.where}, object {i}", name, labels)
    return refuse_twice(list(annotations))
