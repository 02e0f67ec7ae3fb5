"""Coordinate maps: where each pixel of the augmented image comes from. One map moves the image and all masks."""

import math

import numpy as np

from mrcnn.geometry.boxes import tight_box
from mrcnn.geometry.instances import Instances

MIN_AREA_PX = 4  # objects with less than this left are dropped
SLIVER_PX = 3  # reflected objects of which the border of the image leaves less than this in width are dropped, too
HALF = 0.5 - 1e-4  # threshold for a mask's bilinear values; the slack keeps float32 ties inside


class RightAngleMap:
    """Exact flips and right-angle rotations: transposed (only if H == W), then flipped; no pixel is interpolated."""

    def __init__(self, transpose=False, mirror_y=False, mirror_x=False):
        self.transpose, self.mirror_y, self.mirror_x = transpose, mirror_y, mirror_x

    def _move(self, array):
        array = array.swapaxes(0, 1) if self.transpose else array
        return np.ascontiguousarray(array[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1])

    def image(self, image):
        """The moved image [H, W, C]."""
        return self._move(image)

    def instances(self, instances):
        """The moved objects; all are kept."""
        height, width = instances.image_shape
        y1, x1, y2, x2 = instances.boxes.T
        if self.transpose:
            y1, x1, y2, x2, height, width = x1, y1, x2, y2, width, height
        if self.mirror_y:
            y1, y2 = height - y2, height - y1
        if self.mirror_x:
            x1, x2 = width - x2, width - x1
        return Instances(
            (height, width),
            np.stack([y1, x1, y2, x2], axis=1),
            instances.class_ids,
            instances.scores,
            [self._move(m) for m in instances.masks],
            instances.pixel_size_nm,
        )


class ResamplingMap:
    """A map that interpolates between pixels; subclasses define `sample`, `window` and `extent`.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image, unchanged by the map.
    mode : {"reflect", "constant"}
        What lies outside the input: its reflection (``d c b a | a b c d | d c b a``) or black. Reflected objects are
        objects too: they join the original if it touches the border, otherwise they become separate objects, so every
        visible object has a mask. The exception are slivers: a reflected object that the border of the output cuts so
        that it is nowhere `SLIVER_PX` wide has no mask, unless the object is as thin itself.
    """

    def __init__(self, shape, mode):
        self.shape, self.mode = shape, mode

    def image(self, image):
        """The resampled image [H, W, C], of the same dtype."""
        everything = (0, 0, *self.shape)
        return each_channel(image, lambda plane: self.sample(plane, (0, 0), everything, self.mode))

    def instances(self, instances):
        """The resampled objects in order, reflected ones last; vanished ones are dropped with class and score."""
        found = []
        for index, (box, mask) in enumerate(zip(instances.boxes.tolist(), instances.masks)):
            smallest = min(MIN_AREA_PX, np.count_nonzero(mask))
            for is_mirrored, copies in self._copies(box, mask):
                tight = self._resampled(copies)
                if tight is None or np.count_nonzero(tight[1]) < smallest:
                    continue
                if not (is_mirrored and self._is_sliver(*tight) and _is_wide(mask)):
                    found.append((is_mirrored, index, *tight))
        found.sort(key=lambda entry: entry[:2])
        kept = [index for _, index, _, _ in found]
        return Instances(
            self.shape,
            np.array([box for *_, box, _ in found], np.int32).reshape(-1, 4),
            instances.class_ids[kept],
            instances.scores[kept],
            [mask for *_, mask in found],
            instances.pixel_size_nm,
        )

    def _is_sliver(self, box, mask):
        """Whether what is seen of an object is thin and cut off by the border of the image."""
        cut = box[0] == 0 or box[1] == 0 or box[2] == self.shape[0] or box[3] == self.shape[1]
        return cut and not _is_wide(mask)

    def _resampled(self, copies):
        """(box, mask) of the union of copies [(box, mask), ...] of one object in the output, or None."""
        windows = [(self.window(box), box, mask) for box, mask in copies]
        windows = [(w, box, mask) for w, box, mask in windows if w[0] < w[2] and w[1] < w[3]]
        if not windows:
            return None
        corners = np.array([w for w, _, _ in windows])
        (y0, x0), (y3, x3) = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
        total = np.zeros((y3 - y0, x3 - x0), np.float32)
        # Bilinear values add up to those of the union, so no seam opens where an object meets its reflection.
        for (y1, x1, y2, x2), box, mask in windows:
            total[y1 - y0 : y2 - y0, x1 - x0 : x2 - x0] += self.sample(
                mask.astype(np.float32), box[:2], (y1, x1, y2, x2), "constant"
            )
        return tight_crop(total >= HALF, (y0, x0))

    def _copies(self, box, mask):
        """Yield (is_mirrored, [(box, mask), ...]) for the object and its reflections that the output may show."""
        if self.mode == "constant":
            yield False, [(box, mask)]
            return
        (height, width), (y_low, x_low, y_high, x_high) = self.shape, self.extent()
        touches_y, touches_x = (box[0] == 0, box[2] == height), (box[1] == 0, box[3] == width)
        groups = {}
        for tile_y in range(math.floor((y_low - 1) / height), math.floor((y_high + 1) / height) + 1):
            for tile_x in range(math.floor((x_low - 1) / width), math.floor((x_high + 1) / width) + 1):
                y1, y2, flip_y = _mirrored_side(box[0], box[2], height, tile_y)
                x1, x2, flip_x = _mirrored_side(box[1], box[3], width, tile_x)
                if y1 > y_high + 1 or y2 < y_low - 1 or x1 > x_high + 1 or x2 < x_low - 1:
                    continue
                key = (_joined_tile(tile_y, *touches_y), _joined_tile(tile_x, *touches_x))
                groups.setdefault(key, []).append(((y1, x1, y2, x2), mask[::flip_y, ::flip_x]))
        for key, copies in groups.items():
            yield key != (0, 0), copies  # the object itself is in tile (0, 0), which is always in group (0, 0)


class AffineMap(ResamplingMap):
    """A linear map and a shift.

    Parameters
    ----------
    shape, mode
        As in `ResamplingMap`.
    matrix : [3, 3]
        Maps an output pixel (x, y, 1) to its position in the input.
    """

    def __init__(self, shape, mode, matrix):
        super().__init__(shape, mode)
        self.matrix = np.asarray(matrix, float)
        self.inverse = np.linalg.inv(self.matrix)

    def sample(self, plane, offset, window, mode):
        """Bilinear values, float32, in a window of the output.

        The first pixel of `plane` [h, w] float32 lies at `offset` (y, x) of the input.
        """
        from skimage.transform import warp

        y1, x1, y2, x2 = window
        local = _shift(-offset[1], -offset[0]) @ self.matrix @ _shift(x1, y1)
        return warp(
            plane,
            local,
            output_shape=(y2 - y1, x2 - x1),
            order=1,
            clip=False,
            preserve_range=True,
            mode="symmetric" if mode == "reflect" else "constant",
        )

    def window(self, box):
        """The part (y1, x1, y2, x2) of the output to which a box of the input can map."""
        y1, x1, y2, x2 = box[0] - 1, box[1] - 1, box[2], box[3]  # bilinear values extend one pixel further
        x, y, _ = self.inverse @ np.array([[x1, x2, x1, x2], [y1, y1, y2, y2], [1, 1, 1, 1]], float)
        return (
            max(0, math.floor(y.min())),
            max(0, math.floor(x.min())),
            min(self.shape[0], math.ceil(y.max()) + 1),
            min(self.shape[1], math.ceil(x.max()) + 1),
        )

    def extent(self):
        """(y_low, x_low, y_high, x_high) of all input positions that the output samples."""
        bottom, right = self.shape[0] - 1, self.shape[1] - 1
        x, y, _ = self.matrix @ np.array([[0, right, 0, right], [0, 0, bottom, bottom], [1, 1, 1, 1]], float)
        return y.min(), x.min(), y.max(), x.max()


class DisplacementMap(ResamplingMap):
    """A displacement for every pixel.

    Parameters
    ----------
    shape, mode
        As in `ResamplingMap`.
    dy, dx : float32 [H, W]
        From each output pixel to its position in the input.
    """

    def __init__(self, shape, mode, dy, dx):
        super().__init__(shape, mode)
        self.dy, self.dx = dy, dx
        self.reach = (float(dy.min()), float(dx.min()), float(dy.max()), float(dx.max()))

    def sample(self, plane, offset, window, mode):
        """Bilinear values, float32, in a window of the output.

        The first pixel of `plane` [h, w] float32 lies at `offset` (y, x) of the input.
        """
        from scipy.ndimage import map_coordinates

        y1, x1, y2, x2 = window
        rows = self.dy[y1:y2, x1:x2] + np.arange(y1 - offset[0], y2 - offset[0], dtype=np.float32)[:, None]
        columns = self.dx[y1:y2, x1:x2] + np.arange(x1 - offset[1], x2 - offset[1], dtype=np.float32)
        return map_coordinates(
            plane, (rows, columns), output=np.float32, order=1, mode="reflect" if mode == "reflect" else "grid-constant"
        )

    def window(self, box):
        """The part (y1, x1, y2, x2) of the output to which a box of the input can map."""
        y_low, x_low, y_high, x_high = self.reach
        return (
            max(0, math.floor(box[0] - 1 - y_high)),
            max(0, math.floor(box[1] - 1 - x_high)),
            min(self.shape[0], math.ceil(box[2] - y_low) + 1),
            min(self.shape[1], math.ceil(box[3] - x_low) + 1),
        )

    def extent(self):
        """(y_low, x_low, y_high, x_high) of all input positions that the output samples."""
        y_low, x_low, y_high, x_high = self.reach
        return y_low, x_low, self.shape[0] - 1 + y_high, self.shape[1] - 1 + x_high


def _is_wide(mask):
    """Whether a mask contains a square of `SLIVER_PX` pixels."""
    for axis in (0, 1):
        length = mask.shape[axis] - SLIVER_PX + 1
        if length < 1:
            return False
        mask = np.logical_and.reduce([np.take(mask, range(k, k + length), axis) for k in range(SLIVER_PX)])
    return bool(mask.any())


def tight_crop(mask, origin=(0, 0)):
    """(box, crop) of the True pixels of a mask whose first pixel lies at `origin` (y, x); None if there are none."""
    box = tight_box(mask)
    if box is None:
        return None
    y1, x1, y2, x2 = box
    return (origin[0] + y1, origin[1] + x1, origin[0] + y2, origin[1] + x2), mask[y1:y2, x1:x2].copy()


def each_channel(image, function):
    """Apply `function` to every channel [H, W] as float32; the result has the dtype of the image [H, W, C].

    Identical channels, as in a grey image stored as RGB, are computed once.
    """

    def made(plane):
        return restore_dtype(function(plane.astype(np.float32)), image.dtype)

    first = image[..., 0]
    planes = [made(first)]
    for c in range(1, image.shape[-1]):
        planes.append(planes[0] if np.array_equal(image[..., c], first) else made(image[..., c]))
    return np.stack(planes, axis=-1)


def restore_dtype(values, dtype):
    """Float values as `dtype`: whole numbers are rounded and clipped to their range, never wrapped."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def _shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def _mirrored_side(low, high, side, tile):
    """Where [low, high) of [0, side) appears in that tile of the mirrored plane: (low, high, step of the pixels)."""
    if tile % 2:
        return (tile + 1) * side - high, (tile + 1) * side - low, -1
    return tile * side + low, tile * side + high, 1


def _joined_tile(tile, touches_low, touches_high):
    """A group number for tiles in which an object and its reflections meet at the borders that it touches."""
    if touches_low and touches_high:
        return 0
    if touches_low:
        return (tile + 1) // 2
    if touches_high:
        return tile // 2
    return tile
