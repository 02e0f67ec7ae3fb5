"""`Instances`: the objects of one image, with masks stored at the size of their boxes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mrcnn.geometry.boxes import extract_bboxes, tight_box
from mrcnn.geometry.resample import nearest_indices


@dataclass(eq=False)
class Instances:
    """The objects of one image: ground truth or detections.

    Attributes
    ----------
    image_shape : (int, int)
        Height and width of the image in pixels.
    boxes : int32 [N, 4]
        (y1, x1, y2, x2) in pixels, y2 and x2 exclusive. They should lie inside the image; this is not checked, and
        `tightened` clips them.
    class_ids : int32 [N]
        From 1; ones by default; 0 is background. In ground truth, a crowd has the negative id of its class.
    scores : float32 [N]
        Confidence; ones for ground truth.
    masks : list of N bool arrays
        Each the size of its box, [y2 - y1, x2 - x1].
    pixel_size_nm : (float, float) or None
        Height and width of a pixel in nm.

    Two `Instances` are equal if all of this is equal, object by object and in this order.

    limit_reached : str or None
        Names of the settings, joined by ";", that limit how many objects are found, and that were reached: there may be
        more objects. None: none was. Objects derived from these keep it.

    Raises
    ------
    ValueError
        The numbers of boxes, class ids, scores and masks differ, or a mask is not the size of its box.
    """

    image_shape: tuple[int, int]
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int32))
    class_ids: np.ndarray = None  # type: ignore[assignment]      # __post_init__ makes an array of it
    scores: np.ndarray = None  # type: ignore[assignment]
    masks: list[np.ndarray] = field(default_factory=list)
    pixel_size_nm: tuple[float, float] | None = None
    limit_reached: str | None = None

    def __post_init__(self):
        self.image_shape = tuple(int(v) for v in self.image_shape[:2])
        self.boxes = np.asarray(self.boxes, np.int32).reshape(-1, 4)
        count = len(self.boxes)
        self.class_ids = np.asarray(np.ones(count) if self.class_ids is None else self.class_ids, np.int32).reshape(-1)
        self.scores = np.asarray(np.ones(count) if self.scores is None else self.scores, np.float32).reshape(-1)
        self.masks = [np.asarray(m, bool) for m in self.masks]
        if not count == len(self.class_ids) == len(self.scores) == len(self.masks):
            raise ValueError(
                f"{count} boxes, {len(self.class_ids)} class ids, {len(self.scores)} scores and "
                f"{len(self.masks)} masks: all must have the same length."
            )
        for i, (box, mask) in enumerate(zip(self.boxes, self.masks)):
            if mask.shape != (box[2] - box[0], box[3] - box[1]):
                raise ValueError(f"The mask of object {i} has shape {mask.shape} but its box is {tuple(box)}.")

    def __eq__(self, other):
        if not isinstance(other, Instances):
            return NotImplemented
        return (
            (self.image_shape, self.pixel_size_nm) == (other.image_shape, other.pixel_size_nm)
            and all(
                np.array_equal(getattr(self, name), getattr(other, name)) for name in ("boxes", "class_ids", "scores")
            )
            and all(map(np.array_equal, self.masks, other.masks))
        )

    def __hash__(self):
        return hash(self.image_shape)  # what does not change when objects do

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def from_masks(
        cls,
        masks: ArrayLike,
        class_ids: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        pixel_size_nm: tuple[float, float] | None = None,
        drop_empty: bool = True,
    ) -> "Instances":
        """From full-size masks [H, W, N]; `drop_empty` drops empty masks with their classes and scores."""
        masks = np.asarray(masks)
        # One pass over the memory for all boxes, because the masks of a pixel are adjacent; then only the crops.
        boxes = extract_bboxes(masks > 0 if masks.dtype.kind in "if" else masks)
        kept = np.flatnonzero(boxes.any(axis=1)) if drop_empty else np.arange(len(boxes))
        crops = [masks[y1:y2, x1:x2, i] > 0 for i, (y1, x1, y2, x2) in zip(kept, boxes[kept])]
        return cls(
            masks.shape[:2],
            boxes[kept],
            *(None if v is None else np.asarray(v)[kept] for v in (class_ids, scores)),
            crops,
            pixel_size_nm,
        )

    @classmethod
    def from_mask_iterator(
        cls,
        image_shape: Sequence[int],
        masks: Iterable[np.ndarray],
        class_ids: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        pixel_size_nm: tuple[float, float] | None = None,
    ) -> "Instances":
        """From an iterable of full-size masks [H, W], decoded one at a time; empty ones are dropped."""
        boxes, crops, kept = [], [], []
        for i, mask in enumerate(masks):
            box = tight_box(mask)
            if box is None:
                continue
            y1, x1, y2, x2 = box
            boxes.append(box)
            crops.append(np.array(mask[y1:y2, x1:x2], bool))
            kept.append(i)
        return cls(
            image_shape,
            np.array(boxes, np.int32).reshape(-1, 4),
            None if class_ids is None else np.asarray(class_ids)[kept],
            None if scores is None else np.asarray(scores)[kept],
            crops,
            pixel_size_nm,
        )

    @classmethod
    def from_label_image(
        cls,
        labels: ArrayLike,
        class_ids: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        pixel_size_nm: tuple[float, float] | None = None,
    ) -> "Instances":
        """From an integer label image [H, W], 0 is background; objects in ascending order of their labels.

        `class_ids` and `scores`, if given, are in the same order.
        """
        from scipy.ndimage import find_objects

        labels = np.asarray(labels)
        values = np.unique(labels)
        values = values[values != 0]
        compact = np.searchsorted(values, labels).astype(np.int32) + 1
        compact[labels == 0] = 0
        boxes, crops = [], []
        for i, (rows, columns) in enumerate(find_objects(compact), start=1):
            boxes.append((rows.start, columns.start, rows.stop, columns.stop))
            crops.append(compact[rows, columns] == i)
        return cls(labels.shape, np.array(boxes, np.int32).reshape(-1, 4), class_ids, scores, crops, pixel_size_nm)

    @classmethod
    def from_matterport(
        cls, result: dict, image_shape: Sequence[int], pixel_size_nm: tuple[float, float] | None = None
    ) -> "Instances":
        """From a dict returned by `MaskRCNN.detect` (`rois`, `class_ids`, `scores`, `masks` [H, W, N])."""
        boxes = np.asarray(result["rois"], np.int32).reshape(-1, 4)
        crops = [result["masks"][y1:y2, x1:x2, i] for i, (y1, x1, y2, x2) in enumerate(boxes)]
        return cls(image_shape, boxes, result["class_ids"], result.get("scores"), crops, pixel_size_nm)

    def to_matterport(self) -> dict[str, np.ndarray]:
        """Matterport's dict: `rois` int32 [N, 4], `class_ids`, `scores`, `masks` bool [H, W, N]."""
        return {"rois": self.boxes, "class_ids": self.class_ids, "scores": self.scores, "masks": self.to_masks()}

    def to_masks(self) -> np.ndarray:
        """Full-size masks, bool [H, W, N]."""
        full = np.zeros((*self.image_shape, len(self)), bool)
        for i, (y1, x1, y2, x2) in enumerate(self.boxes):
            full[y1:y2, x1:x2, i] = self.masks[i]
        return full

    def to_label_image(self, dtype: DTypeLike = np.int32) -> np.ndarray:
        """Label image [H, W]: object i has the value i + 1; where objects overlap, the higher score wins."""
        labels = np.zeros(self.image_shape, dtype)
        for i in np.argsort(self.scores, kind="stable"):
            y1, x1, y2, x2 = self.boxes[i]
            labels[y1:y2, x1:x2][self.masks[i]] = i + 1
        return labels

    def foreground(self) -> np.ndarray:
        """Union of all objects, bool [H, W]."""
        return self.to_label_image() > 0

    def areas(self) -> np.ndarray:
        """Area of each object in pixels, int64 [N]."""
        return np.array([np.count_nonzero(m) for m in self.masks], np.int64)

    def select(self, indices: ArrayLike) -> "Instances":
        """The objects at these indices (or where a bool mask is True), in this order."""
        indices = np.asarray(indices)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64)
        return Instances(
            self.image_shape,
            self.boxes[indices],
            self.class_ids[indices],
            self.scores[indices],
            [self.masks[i] for i in indices],
            self.pixel_size_nm,
            self.limit_reached,
        )

    def as_boxes(self) -> "Instances":
        """The same objects, each with its filled box as its mask."""
        filled = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in self.boxes.tolist()]
        return Instances(
            self.image_shape,
            self.boxes,
            self.class_ids,
            self.scores,
            filled,
            self.pixel_size_nm,
            self.limit_reached,
        )

    # --- Geometry: each method returns new objects with tight boxes inside the new image and drops objects outside ---
    def tightened(self) -> "Instances":
        """The same objects with boxes as small as their masks; objects without a pixel in the image are dropped."""
        return self.moved((0, 0), self.image_shape)

    def moved(self, offset: Sequence[int], image_shape: Sequence[int]) -> "Instances":
        """The objects in a frame of different size and origin: padding for positive offsets, cropping for negative
        ones.

        Parameters
        ----------
        offset : (int, int)
            Pixels (y, x) by which the objects move.
        image_shape : (int, int)
            Height and width of the new image.
        """
        return self.moved_with_indices(offset, image_shape)[0]

    def moved_with_indices(self, offset: Sequence[int], image_shape: Sequence[int]) -> "tuple[Instances, np.ndarray]":
        """The result of `moved`, and the indices of the objects kept, int64 [K]."""
        height, width = image_shape[:2]
        boxes, crops, kept = [], [], []
        for i, ((y1, x1, y2, x2), mask) in enumerate(zip(self.boxes.tolist(), self.masks)):
            y1, x1, y2, x2 = y1 + offset[0], x1 + offset[1], y2 + offset[0], x2 + offset[1]
            inside = mask[max(-y1, 0) : max(height - y1, 0), max(-x1, 0) : max(width - x1, 0)]
            tight = tight_box(inside)
            if tight is None:
                continue
            top, left, bottom, right = tight
            y, x = max(y1, 0), max(x1, 0)
            boxes.append((y + top, x + left, y + bottom, x + right))
            crops.append(inside[top:bottom, left:right])
            kept.append(i)
        kept = np.array(kept, np.int64)
        return Instances(
            image_shape,
            np.array(boxes, np.int32).reshape(-1, 4),
            self.class_ids[kept],
            self.scores[kept],
            crops,
            self.pixel_size_nm,
            self.limit_reached,
        ), kept

    def resized(
        self, scale: float, padding: Sequence[Sequence[int]] | None = None, crop: Sequence[int] | None = None
    ) -> "Instances":
        """The objects resized like their image by `resize_image`: pixel for pixel `resize_mask` of the full-size masks.

        Parameters
        ----------
        scale : float
        padding : [(top, bottom), (left, right), ...], optional
            Pixels added around the scaled image, or around the crop if there is one.
        crop : (y, x, height, width), optional
            Part of the scaled image.
        """
        rows, columns = (nearest_indices(size, scale) for size in self.image_shape)
        boxes, crops = np.zeros((len(self), 4), np.int32), []
        for i, ((y1, x1, y2, x2), mask) in enumerate(zip(self.boxes.tolist(), self.masks)):
            # The indices ascend, so an object's output pixels are one contiguous range on each axis.
            top, bottom = np.searchsorted(rows, (max(y1, 0), min(y2, self.image_shape[0])))
            left, right = np.searchsorted(columns, (max(x1, 0), min(x2, self.image_shape[1])))
            boxes[i] = top, left, max(bottom, top), max(right, left)
            crops.append(mask[rows[top:bottom] - y1][:, columns[left:right] - x1])
        pixel_size = None if self.pixel_size_nm is None else tuple(size / scale for size in self.pixel_size_nm)
        shape = len(rows), len(columns)
        scaled = Instances(shape, boxes, self.class_ids, self.scores, crops, pixel_size, self.limit_reached)
        if crop is not None:
            y, x, height, width = crop
            scaled = scaled.moved((-y, -x), (height, width))  # before the padding, which must not show what is cut off
            if padding is None or not np.any(padding):
                return scaled
        (top, bottom), (left, right) = (padding if padding is not None else [(0, 0)] * 2)[:2]
        height, width = scaled.image_shape
        return scaled.moved((top, left), (height + top + bottom, width + left + right))

    def flipped(self, axis: int) -> "Instances":
        """The objects mirrored along the rows (`axis` 0, up and down) or the columns (`axis` 1, left and right)."""
        boxes = self.boxes.copy()
        boxes[:, axis] = self.image_shape[axis] - self.boxes[:, axis + 2]
        boxes[:, axis + 2] = self.image_shape[axis] - self.boxes[:, axis]
        return Instances(
            self.image_shape,
            boxes,
            self.class_ids,
            self.scores,
            [np.flip(m, axis) for m in self.masks],
            self.pixel_size_nm,
            self.limit_reached,
        )


def joined_limits(limits: Iterable[str | None]) -> str | None:
    """`limit_reached` of parts that are put together: every name once."""
    names = dict.fromkeys(name for limit in limits if limit for name in limit.split(";"))
    return ";".join(names) or None


def class_label(class_id: int, class_names: Sequence[str] | None = None) -> str:
    """Name of a class, or its number without names; "cell (crowd)" for a crowd, which has the negative id."""
    name = str(abs(class_id) if class_names is None else class_names[abs(class_id)])
    return name if class_id >= 0 else f"{name} (crowd)"
