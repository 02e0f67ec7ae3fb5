"""`StatedSize`: the size of a voxel as a file states it, and what is wrong with it."""

from typing import NamedTuple

from mrcnn.geometry.length_units import stated_length


class StatedSize(NamedTuple):
    """Size of a voxel, as a file states it.

    Attributes
    ----------
    z, y, x : float or None
        In nm; None where the file states no size that can be used.
    pixel_problem, slice_problem : str or None
        Why the pixel size (y, x) or the distance of slices that the file states cannot be used, as a phrase such as
        "states a pixel size in the unit 'furlong', which is not known".
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None
    pixel_problem: str | None = None
    slice_problem: str | None = None

    @property
    def pixel_nm(self):
        """(y, x), or None if it is not known."""
        return None if self.y is None or self.x is None else (self.y, self.x)

    @property
    def voxel_nm(self):
        """(z, y, x)."""
        return self.z, self.y, self.x


UNKNOWN = StatedSize()


def stated_size(z=(None, None), y=(None, None), x=(None, None)):
    """The `StatedSize` of lengths and their units, such as ("0.2", "µm"), as a file states them."""
    (z, far), (y, tall), (x, wide) = (stated_length(*pair) for pair in (z, y, x))
    problem = tall or wide
    problem = problem and f"states a pixel size {problem}"
    if problem is None and (y is None) != (x is None):
        known, other = ("width", "height") if y is None else ("height", "width")
        problem = f"states the {known} of a pixel, but not its {other}"
    return StatedSize(z, y, x, problem, far and f"states a slice distance {far}")
