"""TIFF stacks: each page is an image; a second stack holds semantic or instance labels."""

from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import FileDataset
from mrcnn.data.readers.label_mode import pieces_sentence
from mrcnn.data.readers.labels import LabelRules, check_labels, is_semantic, objects_from_labels
from mrcnn.data.readers.plausible import check_background, check_lossless
from mrcnn.errors import ConfigError, DataError
from mrcnn.images.page_axes import place_of
from mrcnn.images.read import image_shape, is_tiff, page_count, read_image
from mrcnn.images.tiff import tiff_layout

AUTO_PAGES = 32  # pages, spread over the stack, that "auto" checks before it treats a ground truth as semantic


class StackDataset(FileDataset):
    """A multi-page TIFF and its ground truth; pages are read one at a time, never the whole stack.

    Neighbouring slices are nearly identical: `group` is a block of slices, so a split by group keeps neighbours
    together.

    Parameters
    ----------
    path : str or Path
        TIFF with one or more pages; Z and T become pages, C becomes channels.
    truth : str or Path, optional
        TIFF with the same number of pages of the same size. Without it, the stack can only be used for prediction.
    mode : "auto", "semantic" or "instances"
        As in `LabelRules`; "auto" checks up to 32 pages, spread evenly over those in use.
    connectivity, watershed_distance_px, min_size_px, no_background
        As in `LabelRules`; components are computed per page.
    slices : (int, int), optional
        First page and end page (exclusive); by default all.
    block : int
        Slices per group. Blocks are counted from page 0 of the file, regardless of `slices`.
    class_name, source, pixel_size_nm, channels
        As in `FileDataset`.

    Raises
    ------
    DataError
        A file is not a TIFF, or the stack and its ground truth differ in the number of pages or in size.
    ConfigError
        `slices` or `block` is invalid.
    """

    def __init__(
        self,
        path,
        truth=None,
        class_name="mitochondrion",
        source="stack",
        mode="auto",
        connectivity=2,
        watershed_distance_px=None,
        min_size_px=0,
        slices=None,
        block=20,
        pixel_size_nm=None,
        channels=None,
        no_background=False,
    ):
        super().__init__(class_name, source, pixel_size_nm, channels)
        self._rules = LabelRules(mode, connectivity, watershed_distance_px, min_size_px, no_background)
        path, truth = Path(path), None if truth is None else Path(truth)
        pages = _pages(path)
        self._axes = tiff_layout(path).page_axes
        start, stop = _checked_slices(slices, pages, path)
        if isinstance(block, bool) or not isinstance(block, int) or block < 1:
            raise ConfigError(f"block must be a whole number of at least 1, not {block!r}.")
        if truth is not None:
            _check_truth(path, truth, pages)
        self._semantic = None  # result of "auto", determined when first needed
        for page in range(start, stop):
            self.add_image(
                source,
                f"{path.stem}_{page:04d}",
                path,
                page=page,
                truth=truth,
                span=(start, stop),
                group=f"{path}[{page // block * block}:{(page // block + 1) * block}]",
            )
        self.prepare()

    def image_reference(self, image_id):
        """File and page, and where it is along axes that the file names."""
        info = self.image_info[image_id]
        place = place_of(self._axes, info["page"]) if len(self._axes) > 1 else {}
        return ", ".join([str(info["path"]), f"page {info['page']}", *(f"{name} {n}" for name, n in place.items())])

    def read_instances(self, info):
        """Objects of one page of the ground truth."""
        if info["truth"] is None:
            return super().read_instances(info)
        if self._semantic is None:
            self._semantic = self._decide(info)
        labels = self._read_labels(info, info["page"])
        objects, values = objects_from_labels(labels, self._rules, self._semantic)
        if not self._semantic and self._rules.mode == "auto":
            where = f"{info['truth']}, page {info['page']}"
            self.tell_once("pieces", lambda: pieces_sentence(objects, values, where))
        return objects

    def _decide(self, info):
        if self._rules.mode != "auto":
            return self._rules.mode == "semantic"
        start, stop = info["span"]
        pages = np.unique(np.linspace(start, stop - 1, min(AUTO_PAGES, stop - start)).round().astype(int))
        return is_semantic(self._read_labels(info, int(page)) for page in pages)

    def _read_labels(self, info, page):
        labels = read_image(info["truth"], page, indices=True)
        check_labels(labels, info["truth"], self._rules.mode)
        if not self._rules.no_background:
            check_background(labels, f"{info['truth']}, page {page}")
        return labels


def _pages(path):
    if not is_tiff(path):
        raise DataError(path, "is not a TIFF, so it cannot be a stack", "Save it as a multi-page TIFF")
    return page_count(path)


def _checked_slices(slices, pages, path):
    if slices is None:
        return 0, pages
    try:
        start, stop = (int(v) for v in slices)
    except (TypeError, ValueError):
        raise ConfigError(f"slices must be (first, end), for example (0, 120), not {slices!r}.") from None
    if not 0 <= start < stop <= pages:
        raise ConfigError(
            f"slices are {start} to {stop}, but {path} has the pages 0 to {pages - 1}: choose "
            f"0 <= first < end <= {pages}."
        )
    return start, stop


def _check_truth(path, truth, pages):
    check_lossless(truth)
    found = _pages(truth)
    if found != pages:
        raise DataError(
            truth, f"has {found} pages, but {path} has {pages}", "Provide the ground truth that belongs to this stack"
        )
    axes = [tiff_layout(file).page_axes for file in (truth, path)]
    if axes[0] != axes[1] and all(len(own) > 1 for own in axes):
        found, expected = (", ".join(f"{name.upper()} {n}" for name, n in own) for own in axes)
        raise DataError(
            truth,
            f"has pages along {found}, but those of {path} are along {expected}",
            "Save both with the same axes in the same order",
        )
    shape, expected = image_shape(truth, 0, indices=True), image_shape(path, 0)
    if shape[:2] != expected[:2]:
        raise DataError(
            truth,
            f"has pages of {shape[0]} x {shape[1]} pixels, but those of {path} are {expected[0]} x {expected[1]}",
            "Provide the ground truth that belongs to this stack",
        )
    if len(shape) != 2:
        raise DataError(
            truth,
            f"has pages with {shape[2]} channels, but a label image has one",
            "Save the label numbers, not a colour image of them",
        )
