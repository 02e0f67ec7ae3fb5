"""Mitochondria in electron micrographs: the `Domain` of the demonstration, with synthetic micrographs and presets."""

from dataclasses import replace

from mrcnn.commands import own_objects
from mrcnn.data.readers.open import open_dataset

CLASS_NAME = "mitochondrion"


def open_micrographs(path, truth=None, class_name=CLASS_NAME, **options):
    """`Domain.open_dataset`: see `mrcnn.data.readers.open.open_dataset`; the objects are mitochondria."""
    return open_dataset(path, truth, class_name=class_name, **options)


def name_classes(config, dataset):
    """`Domain.fit_settings`: record the class names, which `mrcnn predict` then writes."""
    config.CLASS_NAMES = tuple(str(name) for name in dataset.class_names)


DOMAIN = replace(
    own_objects.DOMAIN,
    name="mitochondria",
    class_names=("BG", CLASS_NAME),
    open_dataset=open_micrographs,
    fit_settings=name_classes,
    find_classes=None,
    reads_annotations=False,
)
