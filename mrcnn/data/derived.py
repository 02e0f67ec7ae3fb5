"""`DerivedDataset`: any data set, with each image changed on demand; subclasses say how."""

from mrcnn.data.dataset import Dataset


class DerivedDataset(Dataset):
    """The images of another data set under the same ids, classes and groups; nothing is written.

    Subclasses define `load_image`, `load_instances`, `image_shape` and, if they change it, `changed_pixel_size`, and
    `semantic_mask` for sources with label images.

    Parameters
    ----------
    dataset : Dataset
        Prepared (its `prepare` was called).

    Attributes
    ----------
    source : Dataset
    """

    def __init__(self, dataset: Dataset):
        super().__init__(dataset.class_map)
        self.source, self.channels = dataset, dataset.channels
        self.class_info = list(dataset.class_info)
        self.image_info = [{**info, "index_in_source": i} for i, info in enumerate(dataset.image_info)]
        self.prepare()

    def __getattr__(self, name):
        # Data sets with this method provide label images instead of objects, so it exists only if the source has it.
        if name == "load_semantic_mask" and hasattr(self.source, name):
            return self.semantic_mask
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def semantic_mask(self, image_id):
        """The label image [H, W] of an image, changed like the image."""
        raise NotImplementedError

    def changed_pixel_size(self, size):
        """The pixel size (y, x) of an image whose source has the pixel size `size`; unless overridden, the same."""
        return size

    def pixel_size_nm(self, image_id):
        """(y, x) of the changed image, or None."""
        size = self.source.pixel_size_nm(self.index_in_source(image_id))
        return None if size is None else self.changed_pixel_size(size)

    def states_unusable_size(self, image_id):
        """As in the source."""
        return self.source.states_unusable_size(self.index_in_source(image_id))

    def has_masks(self, image_id):
        """As in the source."""
        return self.source.has_masks(self.index_in_source(image_id))

    def group(self, image_id):
        """As in the source."""
        return self.source.group(self.index_in_source(image_id))

    def source_image_link(self, image_id):
        """As in the source."""
        return self.source.source_image_link(self.index_in_source(image_id))

    def image_reference(self, image_id):
        """As in the source."""
        return self.source.image_reference(self.index_in_source(image_id))

    def index_in_source(self, image_id: int) -> int:
        """Image id in the source; another one after `subset`."""
        return self.image_info[image_id]["index_in_source"]
