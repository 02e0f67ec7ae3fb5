"""Results of a model: the container `Instances`, measurements, and files for other programs.

`measure` is the module; its function `measure` is available here as `measure_instances`.
"""

from mrcnn.lazy import names_on_first_use

_HOMES = {
    "Instances": "mrcnn.geometry.instances",
    "LinkSettings": "mrcnn.results.linking",
    "WatershedSettings": "mrcnn.results.watershed",
    "cell_table": "mrcnn.results.cells",
    "coco_results": "mrcnn.results.detections",
    "detection_rows": "mrcnn.results.detections",
    "instances_from_probability": "mrcnn.results.watershed",
    "link_slices": "mrcnn.results.linking",
    "measure_instances": "mrcnn.results.measure:measure",
    "measure_volumes": "mrcnn.results.volumes",
    "summarize": "mrcnn.results.measure",
    "summarize_set": "mrcnn.results.measure",
    "summarize_volumes": "mrcnn.results.volumes",
    "write_csv": "mrcnn.results.measure",
    "write_imagej_rois": "mrcnn.formats.imagej_rois",
    "write_label_tiff": "mrcnn.results.label_tiff",
    "write_label_zarr": "mrcnn.results.label_zarr",
    "write_volume_tiff": "mrcnn.results.volumes",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = names_on_first_use(__name__, _HOMES)
