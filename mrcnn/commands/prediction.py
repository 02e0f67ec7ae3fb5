"""Predict objects in image files: write label images, overlays and tables."""

import sys

import pandas as pd
from tqdm import tqdm

from mrcnn.commands.inputs import find_images, result_names, results_folder
from mrcnn.commands.preparation import preparation, with_recorded
from mrcnn.commands.settings import class_names, load_detector
from mrcnn.commands.volumes import Linking
from mrcnn.data.molding import to_channels
from mrcnn.data.prepared import Preparation
from mrcnn.errors import DataError
from mrcnn.formats.imagej_rois import need_roifile, write_imagej_rois
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.images.read import page_count, read_image, read_voxel_size_nm
from mrcnn.options.arguments import FAILED, USAGE
from mrcnn.plot.figures import save_figure
from mrcnn.plot.instances import draw_instances
from mrcnn.results.label_tiff import write_label_tiff
from mrcnn.results.measure import measure, summarize, write_csv


def predict(domain, options):
    """Predict according to the options; see `mrcnn.options.arguments.predict_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if some files failed and the others were processed, 2 if every file failed.
    """
    if options.get("rois"):
        need_roifile()  # before hours of detection, not after
    out = results_folder(options)
    paths, errors = find_images(options["images"])
    names = result_names(paths)
    detector = load_detector(domain, options)
    for error in errors:
        _report(error)
    class_list = class_names(domain, detector.config)
    linking = Linking(out, options, class_list) if options.get("link_slices") else None
    results = Results(
        detector,
        out,
        class_list,
        options.get("pixel_size_nm"),
        options.get("overlays", 4),
        preparation(with_recorded(options)),
        linking,
        options.get("rois", False),
    )
    for path, name in zip(tqdm(paths, unit="file", disable=None), names, strict=True):
        try:
            results.add_file(path, name)
        except DataError as error:
            errors.append(error)
            _report(error)
    results.write_tables()
    if errors and not results.summaries:
        print("None of the inputs could be used; see the messages above.", file=sys.stderr)
        return USAGE
    print(f"Found {results.count} {domain.name} in {len(results.summaries)} images. The results are in {out}.")
    if errors:
        print(
            f"{len(errors)} of the inputs failed; see the messages above. The other files were processed.",
            file=sys.stderr,
        )
    return FAILED if errors else 0


def _report(error):
    tqdm.write(f"error: {error}", file=sys.stderr)


class Results:
    """Detects objects file by file, writes label images and overlays, and collects the tables of all files.

    Parameters
    ----------
    detector : MaskRCNN
    out : Path
        Folder of the results.
    names : list of str or None
        Class names, background first.
    pixel_size_nm : (float, float), optional
        Takes precedence over the pixel size in the files.
    overlays : int
        Number of pages of a stack that get an overlay.
    preparation : Preparation, optional
        Applied to an image before detection. Results are in the pixels of the original image.
    linking : Linking, optional
        Receives the slices of each stack.
    rois : bool
        Also write outlines for ImageJ.
    """

    def __init__(
        self, detector, out, names, pixel_size_nm=None, overlays=4, preparation=None, linking=None, rois=False
    ):
        self.detector, self.out, self.names = detector, out, names
        self.given_size, self.overlays, self.preparation = pixel_size_nm, overlays, preparation or Preparation()
        self.tables, self.summaries, self.count, self.linking, self.rois = [], [], 0, linking, rois

    def add_file(self, path, name):
        """Detect objects in an image, or in a stack page by page.

        Raises
        ------
        DataError
            The file cannot be used; none of it is in the tables.
        """
        pages, (depth, *size) = page_count(path), read_voxel_size_nm(path)
        stored = None if None in size else tuple(size)
        size = self.given_size or stored or as_pixel_size(self.detector.config.PIXEL_SIZE_NM)
        found, tables, summaries = [], [], []
        # Only one page of a stack is in memory at a time; of the others only the objects are kept, as box-local masks.
        for page in tqdm(range(pages), desc=path.name, unit="page", leave=False, disable=True if pages < 2 else None):
            image, instances = self._detect(path, page, size)
            window = self.preparation.window(image.shape)
            table = measure(instances, image, class_names=self.names)
            if self.preparation:  # the edge of the kept rows cuts objects like the image border
                table["touches_border"] |= _touches(instances.boxes, window)
            tables.append(_with_place(table, path, page))
            summaries.append(
                {
                    "image": path.name,
                    "page": page,
                    "labels": f"{name}_labels.tif",
                    **summarize(table, (window[2] - window[0], window[3] - window[1]), size),
                }
            )
            found.append(instances)
            if page < self.overlays:
                self._draw(image, instances, name, page)
        write_label_tiff(
            self.out / f"{name}_labels.tif",
            found if pages > 1 else found[0],
            size,
            depth if pages > 1 and size is not None else None,
        )
        if self.rois:
            write_imagej_rois(self.out / f"{name}_rois.zip", found if pages > 1 else found[0])
        if self.linking is not None and pages > 1:
            self.linking.add_stack(path, name, found, size, depth)
        self.tables += tables
        self.summaries += summaries
        self.count += sum(map(len, found))

    def _detect(self, path, page, size):
        channels = int(self.detector.config.IMAGE_SHAPE[2])
        # Many programs mark a fourth channel as alpha, whatever it shows; see `Dataset.load_image`.
        image = read_image(path, page, keep_alpha=channels in (2, 4))
        image = image if image.ndim == 3 else image[..., None]
        try:
            molded = to_channels(self.preparation.image(image, path), channels, path)
            found = self.detector.predict([molded], self.preparation.pixel_size(size))[0]
            return image, self.preparation.placed_back(found, image.shape, size) if self.preparation else found
        except DataError:
            raise
        except ValueError as error:
            raise DataError(path, str(error).rstrip("."), "Crop or convert the image") from error

    def _draw(self, image, instances, name, page):
        suffix = "" if page == 0 else f"_{page:04d}"
        ax = draw_instances(image, instances, captions="area")
        save_figure(ax.figure, self.out / f"{name}_overlay{suffix}.png")

    def write_tables(self):
        """Write `instances.csv` and `summary.csv`, and the tables of linked stacks."""
        # Empty tables must not affect the column types.
        filled = [t for t in self.tables if len(t)] or self.tables[:1]
        table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["image", "page"])
        write_csv(table, self.out / "instances.csv")
        write_csv(
            pd.DataFrame(self.summaries, columns=None if self.summaries else ["image", "page", "count"]),
            self.out / "summary.csv",
        )
        if self.linking is not None:
            self.linking.write_tables()


def _touches(boxes, window):
    y1, x1, y2, x2 = window
    return (boxes[:, :2] <= (y1, x1)).any(axis=1) | (boxes[:, 2:] >= (y2, x2)).any(axis=1)


def _with_place(table, path, page):
    table.insert(0, "image", path.name)
    table.insert(1, "page", page)
    return table
