"""What is written of a prediction: tables of each page, overlays, label images, outlines and volumes of each file."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mrcnn.commands.scaling import FoundFor
from mrcnn.commands.volumes import write_volumes
from mrcnn.data.molding import to_channels
from mrcnn.errors import ConfigError
from mrcnn.formats.imagej_rois import need_roifile, write_imagej_rois
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.rescale import rescaled
from mrcnn.images.page_axes import slice_axis
from mrcnn.images.zarr_files import import_zarr
from mrcnn.plot.figures import save_figure
from mrcnn.plot.instances import draw_instances
from mrcnn.results.cells import cell_table
from mrcnn.results.detections import coco_results, detection_rows
from mrcnn.results.label_tiff import write_label_tiff
from mrcnn.results.label_zarr import write_label_zarr
from mrcnn.results.linking import LinkSettings
from mrcnn.results.measure import measure, measure_boxes, names_of, summarize, summarize_boxes
from mrcnn.results.places import placed

OVERLAY_SIDE = 4096  # larger images are drawn reduced
OF_MASKS = ("labels", "zarr", "masks", "rois", "volumes")
OF_FILES = ("labels", "zarr", "rois", "volumes")


@dataclass
class PageResult:
    """What is left of a page after its objects were measured.

    Attributes
    ----------
    tables : dict of str to DataFrame
    entries : list of dict
        COCO results, without their image ids.
    classes : dict of str to int
        Number of objects of each class.
    instances : Instances, optional
        Kept only as long as they are needed.
    image : array or WindowedImage, optional
        Of a page to be drawn.
    diameter : float, optional
        Median diameter of the objects in pixels of the network.
    notes : list of str
        Sentences for the user.
    limit_reached : str, optional
        As that of the `Instances`.
    empty : bool
        Whether the page shows nothing but noise.
    found_for : FoundFor, optional
        The scale that was found for this page.
    """

    page: object
    tables: dict
    entries: list = field(default_factory=list)
    classes: dict = field(default_factory=dict)
    instances: Instances | None = None
    image: object = None
    diameter: float | None = None
    notes: list = field(default_factory=list)
    limit_reached: str | None = None
    empty: bool = False
    found_for: FoundFor | None = None


@dataclass(frozen=True)
class PageWriter:
    """What to write, and with which names.

    Parameters
    ----------
    write : tuple of str
        Keys of `mrcnn.options.predict_arguments.WRITERS`, and "detections": the table detections.csv.
    names : tuple of str, optional
        Class names, background first.
    real_masks : bool
        Whether the model finds masks, not only boxes.
    channels : int
        Of the network.
    pages : int
        Number of pages of a stack that are drawn.
    link : LinkSettings, optional
        How slices are linked.
    slice_distance_nm : float, optional
        Takes precedence over the distance in the file.
    """

    write: tuple
    names: tuple | None = None
    real_masks: bool = True
    channels: int = 1
    pages: int = 4
    link: LinkSettings | None = None
    slice_distance_nm: float | None = None

    def check(self):
        """Raise before hours of detection if something cannot be written."""
        if not self.real_masks:
            refused = [name for name in self.write if name in OF_MASKS]
            if refused:
                raise ConfigError(
                    f"--write {refused[0]}: this model is a Faster R-CNN, which finds only boxes. Leave out "
                    f"{' and '.join(refused)}."
                )
        if "rois" in self.write:
            need_roifile()
        if "zarr" in self.write:
            import_zarr()

    def tables(self):
        """Names of the tables."""
        chosen = [name for name in ("instances", "summary", "cells", "detections") if name in self.write]
        return chosen + (["objects", "stacks"] if "volumes" in self.write else [])

    # --- A page ---
    def page(self, page, image, found, size, window=None, draw=False):
        """The `PageResult` of the objects found in a page.

        Parameters
        ----------
        page : Page
        image : array [H, W, C] or WindowedImage
        found : Instances
            In pixels of the image.
        size : (float, float) or None
            Pixel size in nm.
        window : (y1, x1, y2, x2), optional
            The part of the image that the network saw; its edges cut objects like those of the image.
        draw : bool
            Whether the page is drawn.
        """
        labels = names_of(found.class_ids, self.names)
        result = PageResult(page, {}, classes={name: labels.count(name) for name in dict.fromkeys(labels)})
        result.limit_reached = found.limit_reached
        shown_area = found.image_shape if window is None else (window[2] - window[0], window[3] - window[1])
        if {"instances", "summary"} & set(self.write):
            table = self._measured(found, image, window)
            summary = (summarize if self.real_masks else summarize_boxes)(table, shown_area, size)
            row = {**self._place(page), **self._label_file(page), **summary, "limit_reached": found.limit_reached or ""}
            result.tables["summary"] = pd.DataFrame([row])
            for column, value in reversed(self._place(page).items()):
                table.insert(0, column, value)
            result.tables["instances"] = table
        if "detections" in self.write:
            names = self.names or [str(i) for i in range(1 + max(found.class_ids, default=0))]
            result.tables["detections"] = detection_table(detection_rows(found, page.called, names))
        if "cells" in self.write:
            result.tables["cells"] = cell_table(
                found,
                _of_channels(image, self.channels, page.source.path),
                class_names=self.names,
                image_name=page.called,
                region="mask" if self.real_masks else "box",
                pixel_size_nm=size,
            )
            result.tables["cells"] = placed(result.tables["cells"], page.place)
        if {"coco", "masks"} & set(self.write):
            result.entries = coco_results(found, page.called, 0, "masks" in self.write)
        result.tables = {name: table for name, table in result.tables.items() if name in self.write}
        if draw and "overlay" in self.write and page.page < self.pages:
            result.instances, result.image = found, image
        elif set(OF_FILES) & set(self.write):
            result.instances = found
        return result

    def _measured(self, found, image, window):
        if not self.real_masks:
            table = measure_boxes(found, class_names=self.names)
        else:
            table = measure(found, image, class_names=self.names)
        if window is not None:
            y1, x1, y2, x2 = window
            table["touches_border"] |= (found.boxes[:, :2] <= (y1, x1)).any(axis=1)
            table["touches_border"] |= (found.boxes[:, 2:] >= (y2, x2)).any(axis=1)
        return table

    def _place(self, page):
        return {"image": page.name, "page": page.page, **page.place}

    def _label_file(self, page):
        return {"labels": f"{page.stem}_labels.tif"} if "labels" in self.write else {}

    def drawn(self, result, out):
        """Draw the overlay of a page that has its image, which is then dropped, as are objects that nothing needs."""
        if result.image is None:
            return result
        found, image = result.instances, result.image
        if max(found.image_shape) > OVERLAY_SIDE or not isinstance(image, np.ndarray):
            image, found = _reduced(image, found)
        if self.real_masks:
            ax = draw_instances(image, found, captions="area")
        else:
            shown = found.select((-found.scores).argsort(kind="stable"))
            labels = names_of(shown.class_ids, self.names)
            captions = [f"{name} {score:.2f}" for name, score in zip(labels, shown.scores)]
            ax = draw_instances(image, shown, captions=captions, show_box=True, show_mask=False, outlines=False)
        save_figure(ax.figure, Path(out) / f"{result.page.file('overlay')}.png")
        needed = set(OF_FILES) & set(self.write)
        return replace(result, image=None, instances=result.instances if needed else None)


# --- A file ---
def write_files(writer, out, page, results, size):
    """Write the files that hold all pages of an image, and return the tables of its volumes.

    Parameters
    ----------
    writer : PageWriter
    out : Path
    page : Page
        The last one.
    results : list of PageResult
    size : (float, float) or None
        Pixel size in nm.

    Raises
    ------
    DataError
        A file cannot be written.
    """
    if not set(OF_FILES) & set(writer.write):
        return {}
    found, several = [result.instances for result in results], page.pages > 1
    depth = writer.slice_distance_nm or page.source.slice_distance_nm
    depth = depth if slice_axis(page.source.page_axes) is not None and size is not None else None
    if "labels" in writer.write:
        labels = out / f"{page.stem}_labels.tif"
        write_label_tiff(labels, found if several else found[0], size, depth, page.source.page_axes)
    if "zarr" in writer.write:
        for result in results:
            write_label_zarr(out / f"{result.page.file('labels')}.ome.zarr", result.instances)
    if "rois" in writer.write:
        axes = page.source.page_axes
        write_imagej_rois(out / f"{page.stem}_rois.zip", found if several else found[0], axes)
    return write_volumes(writer, out, page, found, size, depth) if several and "volumes" in writer.write else {}


def detection_table(rows):
    """detections.csv as a DataFrame, with the same column types if it is empty."""
    from mrcnn.results.detections import COLUMNS

    types = {"image": "str", "class": "str", "score": "float64"}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({name: types.get(name, "int64") for name in COLUMNS})


def _of_channels(image, channels, path):
    """The image with the channels of the network."""
    return to_channels(image, channels, path) if isinstance(image, np.ndarray) else image.of_channels(channels)


def _reduced(image, found):
    """A large image in memory, and its objects, reduced to a size that can be drawn: every n-th pixel."""
    step = -(-max(found.image_shape) // OVERLAY_SIDE)
    height, width = found.image_shape
    band = max(1, 1024 // step) * step
    rows = [np.asarray(image[top : top + band, 0:width])[::step, ::step] for top in range(0, height, band)]
    small = np.concatenate(rows)
    return small, rescaled(found, small.shape)
