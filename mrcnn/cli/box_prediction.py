"""What a prediction script that finds boxes does: pictures in; detections.csv, COCO results and a few pictures out."""
import json
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mrcnn.cli.arguments import FAILED, USAGE
from mrcnn.cli.boxes import names_of
from mrcnn.cli.inputs import find_images, result_names
from mrcnn.cli.settings import load_detector
from mrcnn.data.molding import to_channels
from mrcnn.data.readers.images import page_count, read_image
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import whole_file
from mrcnn.plot.figures import save_figure
from mrcnn.plot.instances import draw_instances
from mrcnn.results.detections import COLUMNS, coco_results, detection_rows
from mrcnn.results.measure import write_csv


def predict(domain, options):
    """Predict as the options say; see `mrcnn.cli.box_arguments.box_predict_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 when a file failed and the others are done, 2 when every one failed.
    """
    out = Path(options["out"])
    if any(Path(p).is_dir() and Path(p).resolve() == out.resolve() for p in options["images"]):
        raise ConfigError(f"--out is {out}, a folder of pictures to predict: the next run would take the results for "
                          "pictures. Choose another.")
    paths, errors = find_images(options["images"])
    names = result_names(paths)
    detector = load_detector(domain, options)
    if options.get("masks") and not detector.config.USE_MASK_HEAD:
        raise ConfigError("--masks: this model is a Faster R-CNN, which finds boxes. Leave it out.")
    for error in errors:
        _report(error)
    results = BoxResults(detector, out, names_of(detector.config), options.get("masks"), options.get("pictures", 4))
    for path, name in zip(tqdm(paths, unit="picture", disable=None), names, strict=True):
        try:
            results.add_file(path, name)
        except DataError as error:
            errors.append(error)
            _report(error)
    results.write()
    if errors and not results.count:
        print("None of the inputs could be used; the messages above say why.", file=sys.stderr)
        return USAGE
    print(f"{len(results.rows)} {domain.name} in {results.count} pictures. The results are in {out}.")
    if errors:
        print(f"{len(errors)} of the inputs failed; the messages above say why. The others are done.", file=sys.stderr)
    return FAILED if errors else 0


def _report(error):
    tqdm.write(f"error: {error}", file=sys.stderr)


class BoxResults:
    """Detects in one file after the other and collects what is found.

    Parameters
    ----------
    detector : MaskRCNN
    out : Path
        Folder of the results.
    names : sequence of str
        Of the classes, background first.
    masks : bool
        Whether `detections.json` holds masks.
    pictures : int
        So many pictures of what was found.
    """

    def __init__(self, detector, out, names, masks=False, pictures=4):
        self.detector, self.out, self.names = detector, out, names
        self.masks, self.pictures = bool(masks), pictures
        self.rows, self.entries, self.count = [], [], 0

    def add_file(self, path, name):
        """Detect in a picture, or in a stack page by page; page 3 of `a.tif` is called `a.tif[3]`.

        Raises
        ------
        DataError
            The file cannot be used; nothing of it is in the results.
        """
        pages = page_count(path)
        found = [self._detect(path, page) for page in range(pages)]
        for page, (image, instances) in enumerate(found):
            called = path.name if pages == 1 else f"{path.name}[{page}]"
            self.count += 1      # COCO's image ids are from 1
            self.rows += detection_rows(instances, called, self.names)
            self.entries += coco_results(instances, called, self.count, self.masks)
            if self.count <= self.pictures:
                self._draw(image, instances, name if page == 0 else f"{name}_{page:04d}")

    def _detect(self, path, page):
        channels = int(self.detector.config.IMAGE_SHAPE[2])
        image = to_channels(read_image(path, page, keep_alpha=channels in (2, 4)), channels, path)
        return image, self.detector.predict([image])[0]

    def _draw(self, image, instances, name):
        captions = [f"{row['class']} {row['score']:.2f}" for row in detection_rows(instances, name, self.names)]
        shown = instances.select((-instances.scores).argsort(kind="stable"))
        masks = bool(self.detector.config.USE_MASK_HEAD)
        ax = draw_instances(image, shown, captions=captions, show_box=not masks, show_mask=masks, outlines=masks)
        save_figure(ax.figure, self.out / f"{name}_overlay.png")

    def write(self):
        """Write `detections.csv` and `detections.json`."""
        write_csv(pd.DataFrame(self.rows, columns=list(COLUMNS)), self.out / "detections.csv")
        with whole_file(self.out / "detections.json") as temporary:
            temporary.write_text(json.dumps(self.entries) + "\n", encoding="utf-8")
