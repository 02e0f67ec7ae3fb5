"""Instance-mask folders: `Images/<name>.jpg` and `Masks/<name>/<name>_Mask_<i>.jpg`, one file per object."""

from mrcnn.data.readers.file_dataset import (
    MISSING,
    FileDataset,
    check_choice,
    child_folder,
    existing_folder,
    pictures_by_stem,
    source_name,
)
from mrcnn.data.readers.masks import check_threshold, pieces_sentence, read_mask_files
from mrcnn.errors import DataError
from mrcnn.images.read import list_images


class MaskFolderDataset(FileDataset):
    """Images in `Images`, and in `Masks` one folder per image, with the same name and one mask file per object.

    Masks may be grey or colour, TIFF, PNG, JPEG or BMP, with any file name; they are sorted naturally by name.
    Dot-files and files that are not images are ignored. An empty mask folder means that the image has no object.
    Copies written by `mrcnn.data.preprocess` share the group of their source image.

    Parameters
    ----------
    path : str or Path
        The folder that holds `Images` and `Masks` (upper or lower case).
    threshold : number, optional
        Grey value above which a pixel belongs to the object; by default 30 for JPEG masks, whatever their names, and 0
        for lossless ones, which may then hold neither soft edges nor several objects.
    images_without_masks : "error" or "background"
        Treat an image without a mask folder as an error, or as an image without objects.
    drop_empty : bool
        True: empty masks are left out; False: they are an error when read.
    no_background : bool
        True: masks of the whole image are meant; False: they are an error when read.
    class_name, source, pixel_size_nm, channels
        As in `FileDataset`.

    Raises
    ------
    DataError
        A folder is missing or empty, a mask folder has no image, or an image has no mask folder.
    """

    def __init__(
        self,
        path,
        class_name="mitochondrion",
        source="masks",
        threshold=None,
        images_without_masks="error",
        drop_empty=False,
        pixel_size_nm=None,
        channels=None,
        no_background=False,
    ):
        super().__init__(class_name, source, pixel_size_nm, channels)
        check_choice("images_without_masks", images_without_masks, MISSING)
        check_threshold(threshold)
        check_choice("no_background", no_background, (False, True))
        self._threshold, self._drop_empty, self._no_background = threshold, drop_empty, no_background
        path = existing_folder(path, "Images and Masks inside")
        images, masks = child_folder(path, "images"), child_folder(path, "masks")
        for name, folder in (("Images", images), ("Masks", masks)):
            if folder is None:
                raise DataError(
                    path,
                    f"holds no folder {name}",
                    "Expected: Images/<name>.jpg and Masks/<name>/<name>_Mask_<i>.jpg (or png, tif)",
                )
        pictures = pictures_by_stem(images)
        folders = {p.name: p for p in sorted(masks.iterdir()) if p.is_dir() and not p.name.startswith(".")}
        for name, folder in folders.items():
            if name not in pictures:
                raise DataError(
                    folder,
                    f"has masks, but there is no image {name} in {images}",
                    "Add the image, rename the folder after its image, or move the folder elsewhere",
                )
        for stem, picture in pictures.items():
            if stem not in folders and images_without_masks == "error":
                raise DataError(
                    picture,
                    f"has no masks: there is no folder {masks / stem}",
                    "Add the folder (an empty one if the image has no object), or pass "
                    "images_without_masks='background'",
                )
            files = list_images(folders[stem]) if stem in folders else []
            self.add_image(source, stem, picture, masks=files, group=str(images / source_name(stem)))
        self.prepare()

    def read_instances(self, info):
        """Decode the mask files of one image."""
        found = read_mask_files(
            info["masks"], info["path"], self._threshold, self._drop_empty, no_background=self._no_background
        )
        self.tell_once("pieces", lambda: pieces_sentence(found, info["masks"]))
        return found

    def object_count(self, image_id):
        """Number of mask files; if empty ones are dropped, the masks are decoded and counted."""
        return super().object_count(image_id) if self._drop_empty else len(self.image_info[image_id]["masks"])
