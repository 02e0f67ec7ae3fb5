"""Link the objects in the slices of a stack through z, and write their volumes and label stacks."""

import pandas as pd

from mrcnn.results.linking import LinkSettings, link_slices
from mrcnn.results.measure import write_csv
from mrcnn.results.volumes import measure_volumes, summarize_volumes, write_volume_tiff


class Linking:
    """Links the slices stack by stack, writes the label stacks, and collects the tables.

    Parameters
    ----------
    out : Path
        Folder of the results.
    options : dict
        From `predict_parser`.
    names : list of str or None
        Class names, background first.
    """

    def __init__(self, out, options, names=None):
        low, high = options["link_scores"]
        self.out, self.names, self.distance = out, names, options.get("slice_distance_nm")
        self.settings = LinkSettings(
            options["link_iou"], low, high, max_gap=options["link_gap"], min_slices=options["min_slices"]
        )
        self.tables, self.summaries = [], []

    def add_stack(self, path, name, pages, size, depth):
        """Link the slices (`Instances`) of a stack; `size` (y, x) and `depth` are in nm, or None."""
        depth = (self.distance or depth) if size is not None else None
        ids = link_slices(pages, self.settings)
        write_volume_tiff(self.out / f"{name}_objects.tif", pages, ids, size, depth)
        table = measure_volumes(pages, ids, size, depth, self.names)
        shape = (len(pages), *pages[0].image_shape)
        self.summaries.append(
            {"stack": path.name, "labels": f"{name}_objects.tif", **summarize_volumes(table, shape, size, depth)}
        )
        table.insert(0, "stack", path.name)
        self.tables.append(table)

    def write_tables(self):
        """Write `objects.csv` and `stacks.csv`; or print a message if there is no stack."""
        if not self.tables:
            print(
                "--link-slices: none of the images is a stack, so nothing was linked. To link slices that are stored "
                "in separate files, combine them into one TIFF stack."
            )
        else:
            filled = [t for t in self.tables if len(t)] or self.tables[:1]
            write_csv(pd.concat(filled, ignore_index=True), self.out / "objects.csv")
            write_csv(self.summaries, self.out / "stacks.csv")
