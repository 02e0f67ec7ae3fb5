from mrcnn.formats.imagej_rois import write_imagej_rois
from mrcnn.geometry.instances import Instances
from mrcnn.results.cells import cell_table
from mrcnn.results.detections import coco_results, detection_rows
from mrcnn.results.label_tiff import write_label_tiff
from mrcnn.results.label_zarr import write_label_zarr
from mrcnn.results.linking import LinkSettings, link_slices
from mrcnn.results.measure import measure as measure_instances
from mrcnn.results.measure import summarize, summarize_set, write_csv
from mrcnn.results.volumes import measure_volumes, summarize_volumes, write_volume_tiff
from mrcnn.results.watershed import WatershedSettings, instances_from_probability

__all__ = [
    "Instances",
    "LinkSettings",
    "WatershedSettings",
    "cell_table",
    "coco_results",
    "detection_rows",
    "instances_from_probability",
    "link_slices",
    "measure_instances",
    "measure_volumes",
    "summarize",
    "summarize_set",
    "summarize_volumes",
    "write_csv",
    "write_imagej_rois",
    "write_label_tiff",
    "write_label_zarr",
    "write_volume_tiff",
]
