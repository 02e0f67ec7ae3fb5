"""Cut sections out of a wafer and rotate them for artificial images: pixels, outlines and collision masks.

A section is cut along its envelope; if it has none, along the convex hull of its parts plus a small margin. It keeps
its own grey levels: the brightness of the wafer next to it would have to be estimated where other sections may lie,
labelled or not. Only the neighbourhood of the section is read, whatever the wafer's size.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mrcnn.domains.wafer.labels.outlines import Section
from mrcnn.domains.wafer.labels.twins import find_twins
from mrcnn.errors import DataError
from mrcnn.geometry.polygons import polygon_box, polygon_boxes, polygon_mask, transform

ENVELOPE_MARGIN_PX = 2.0
_KEPT_FRAMES, _KEPT_SHAPES, _KEPT_PIXELS = 20_000, 1024, 512
_PROBES = 32
_SPLINE_MARGIN_PX = 8
_SEAM_PX = 4  # from the border of an envelope inwards, where the surface around the parts turns into the new background


@dataclass(eq=False)
class Frame:
    """Frame in which a rotated section is cut out.

    Attributes
    ----------
    shape : (int, int)
        Height and width in pixels.
    matrix : float64 [2, 3]
        Maps (y, x, 1) on the wafer to (y, x) in the frame.
    probes : int [P, 2]
        Pixels well inside the section. If one of them is occupied, the section does not fit there.
    """

    shape: tuple
    matrix: np.ndarray
    probes: np.ndarray


@dataclass(eq=False)
class Cutout:
    """A rotated section.

    Attributes
    ----------
    frame : Frame
    mask : bool [h, w]
        The pixels to paste, also used to detect collisions: envelope, tissue and magnet together.
    opacity : float32 [P]
        Of the pixels in `mask`: 1 in tissue and magnet; in the rest of the envelope it falls to 0 at the border, and is
        0 where another labelled section lies.
    section : Section
        Outlines in the frame.
    """

    frame: Frame
    mask: np.ndarray
    opacity: np.ndarray
    section: Section


class Cutouts:
    """The sections of a wafer that have both parts, each at every angle; created on demand.

    Parameters
    ----------
    stack : ChannelStack
        Channels that are computed from others are left out.
    labels : WaferLabels
    angles_deg : sequence of float
        Rotation angles, counter-clockwise as seen on the screen; 0 leaves the pixels unchanged.
    everything : WaferLabels, optional
        All labelled sections of the wafer, those that are not to be cut out as well: what an envelope holds of them is
        not pasted. By default `labels`.

    Raises
    ------
    DataError
        No section has both parts, or one extends beyond the image.
    """

    def __init__(self, stack, labels, angles_deg=(0.0,), everything=None):
        self.stack, self.angles_deg = stored_channels(stack), [float(angle) for angle in angles_deg]
        self.pixel_size_nm = self.stack.pixel_size_nm
        where = labels.image_path or "wafer labels"
        self.sections = [
            _with_envelope(section, stack.shape, where)
            for section in labels.sections
            if section.tissue is not None and section.magnet is not None
        ]
        if not self.sections:
            raise DataError(where, "has no section with both tissue and magnet", "Label both parts of a few sections")
        self.frame_of = lru_cache(_KEPT_FRAMES)(self._frame_of)
        self.shape_of = lru_cache(_KEPT_SHAPES)(self._shape_of)
        self.pixels_of = lru_cache(_KEPT_PIXELS)(self._pixels_of)
        self._inner_points_of = lru_cache(None)(self._inner_points)
        self._neighbours_of = lru_cache(None)(self._neighbours)
        everything = labels if everything is None else everything
        self._outlines, _, self._numbers = everything.outlines()
        self._boxes = polygon_boxes(self._outlines, stack.shape)
        groups = [[everything.sections[i].number for i in group] for group in find_twins(everything)]
        self._same = {number: group for group in groups for number in group}  # several labels of one section

    def __len__(self):
        return len(self.sections)

    def _frame_of(self, index, turn):
        """`Frame` of a section at one of the angles (`turn` is the index of the angle)."""
        section = self.sections[index]
        points = np.concatenate([section.tissue, section.magnet, section.envelope])
        angle = np.deg2rad(self.angles_deg[turn])
        turning = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        turned = (points - centre) @ turning.T + centre
        origin = np.floor(turned.min(axis=0)) - 1
        height, width = (np.ceil(turned.max(axis=0)) - origin + 2).astype(int).tolist()
        matrix = np.concatenate([turning, (centre - origin - turning @ centre)[:, None]], axis=1)
        return Frame((height, width), matrix, np.rint(transform(self._inner_points_of(index), matrix)).astype(int))

    def _inner_points(self, index):
        """A few points [P, 2] at least two pixels inside a section, so they stay inside after rotation and rounding."""
        from scipy.ndimage import binary_erosion

        section = self.sections[index]
        parts = (section.envelope, section.tissue, section.magnet)
        box = polygon_box(np.concatenate(parts))
        inside = np.any([polygon_mask(polygon, box) for polygon in parts], axis=0)
        pixels = np.argwhere(binary_erosion(inside, np.ones((3, 3)), iterations=2))
        if not len(pixels):
            return np.zeros((0, 2))
        return pixels[np.linspace(0, len(pixels) - 1, _PROBES).astype(int)] + box[:2]

    def _shape_of(self, index, turn):
        """`Cutout` of a section at one of the angles."""
        frame = self.frame_of(index, turn)
        section = self.sections[index].mapped(lambda polygon: transform(polygon, frame.matrix))
        box = (0, 0, *frame.shape)
        parts = polygon_mask(section.tissue, box) | polygon_mask(section.magnet, box)
        mask = polygon_mask(section.envelope, box) | parts
        return Cutout(frame, mask, self._opacity(index, frame, mask, parts), section)

    def _opacity(self, index, frame, mask, parts):
        """`Cutout.opacity`: labelled pixels are pasted as they are; the surface around them leaves no seam."""
        from scipy.ndimage import distance_transform_edt

        depth = distance_transform_edt(mask) - 0.5  # of the centre of a pixel; the frame has a margin of a pixel
        opacity = np.clip(depth / _SEAM_PX, 0, 1).astype(np.float32)
        for polygon in self._neighbours_of(index):
            opacity[polygon_mask(transform(polygon, frame.matrix), (0, 0, *frame.shape))] = 0
        opacity[parts] = 1
        return opacity[mask]

    def _neighbours(self, index):
        """Outlines of the parts of other sections whose boxes touch the envelope of a section."""
        y1, x1, y2, x2 = polygon_box(self.sections[index].envelope)
        boxes = self._boxes
        near = (boxes[:, 0] < y2) & (boxes[:, 2] > y1) & (boxes[:, 1] < x2) & (boxes[:, 3] > x1)
        number = self.sections[index].number
        near &= ~np.isin(self._numbers, self._same.get(number, [number]))
        return [self._outlines[i] for i in np.flatnonzero(near)]

    def _pixels_of(self, index, turn):
        """Pixels of a cutout's frame, uint8 [h, w, C]; pixels outside its mask are meaningless."""
        from scipy.ndimage import affine_transform

        frame = self.frame_of(index, turn)
        height, width = frame.shape
        back = np.linalg.inv(frame.matrix[:, :2])
        corners = (np.array([(0, 0), (0, width), (height, 0), (height, width)]) - frame.matrix[:, 2]) @ back.T
        y1, x1 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - _SPLINE_MARGIN_PX, 0)
        y2, x2 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + _SPLINE_MARGIN_PX, self.stack.shape[:2])
        there = self.stack.read(y1, x1, y2, x2)
        offset = -back @ frame.matrix[:, 2] - (y1, x1)
        result = np.empty((height, width, there.shape[-1]), np.uint8)
        for channel in range(there.shape[-1]):
            # Cubic, because linear interpolation would remove noise that the surrounding background has.
            values = affine_transform(
                there[..., channel].astype(np.float32), back, offset, (height, width), order=3, mode="nearest"
            )
            result[..., channel] = np.clip(np.rint(values), 0, 255)
        return result


def stored_channels(stack):
    """A `ChannelStack` of the stored planes of a stack, each once, without channels computed from them."""
    names = ["grey" if name == "edges" else name for name in stack.names if name != "zeros"]
    return stack.with_names(tuple(dict.fromkeys(names)))


def _with_envelope(section, image_shape, where):
    """Add an envelope to a section, or clip its envelope to the image."""
    import shapely

    height, width = image_shape[:2]
    for polygon in (section.tissue, section.magnet):
        if tuple(polygon_box(polygon)) != tuple(polygon_box(polygon, image_shape)):
            raise DataError(
                where,
                f"section {section.number} extends beyond the image of {height} x {width} pixels and cannot be cut out",
                "Remove its labels, or correct them",
            )
    if section.envelope is None:
        hull = shapely.convex_hull(shapely.multipoints(np.concatenate([section.tissue, section.magnet])))
        envelope = shapely.buffer(hull, ENVELOPE_MARGIN_PX, join_style="mitre", mitre_limit=2.0)
    else:
        envelope = shapely.make_valid(shapely.polygons(section.envelope))
    inside = shapely.intersection(envelope, shapely.box(0, 0, height - 1, width - 1))
    areas = [part for part in shapely.get_parts(inside) if part.geom_type == "Polygon" and part.area > 0]
    if not areas:
        raise DataError(
            where,
            f"the envelope of section {section.number} lies outside the image",
            "Draw it around the section's parts, or delete it",
        )
    largest = max(areas, key=lambda part: part.area)
    return Section(section.number, section.tissue, section.magnet, shapely.get_coordinates(largest.exterior)[:-1])
