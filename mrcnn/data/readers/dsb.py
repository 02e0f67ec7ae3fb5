"""The layout of the 2018 Data Science Bowl: `<id>/images/<id>.png` and `<id>/masks/*.png`, one file per object."""

from mrcnn.data.readers.file_dataset import MISSING, FileDataset, check_choice, child_folder, existing_folder
from mrcnn.data.readers.masks import check_threshold, pieces_sentence, read_mask_files
from mrcnn.errors import DataError
from mrcnn.images.read import list_images, natural_key


class DSBDataset(FileDataset):
    """One folder per image, with the folders `images` (one image) and `masks` (one file per object) inside.

    A set in which no image has a folder `masks`, like the competition's test sets, is read for prediction: `load_image`
    works, `load_instances` raises an error because there is no ground truth.

    Parameters
    ----------
    path : str or Path
        The folder that holds the image folders.
    threshold, images_without_masks, drop_empty, no_background
        As in `MaskFolderDataset`; by default it is an error if only some images have a folder `masks`.
    class_name, source, pixel_size_nm, channels
        As in `FileDataset`.

    Raises
    ------
    DataError
        There is no image, or a folder has masks but no image, several images, or no masks.
    """

    def __init__(
        self,
        path,
        class_name="nucleus",
        source="dsb",
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
        path = existing_folder(path, "<id>/images and <id>/masks inside")
        members = []
        for folder in sorted((p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")), key=natural_key):
            images, masks = child_folder(folder, "images"), child_folder(folder, "masks")
            if images is not None or masks is not None:
                members.append((folder, self._picture(folder, images), masks))
        if not members:
            raise DataError(
                path,
                "holds no folder that contains a folder images",
                "Expected: <id>/images/<id>.png and <id>/masks/*.png",
            )
        truth = any(masks is not None for *_, masks in members)
        for folder, picture, masks in members:
            if truth and masks is None and images_without_masks == "error":
                raise DataError(
                    folder,
                    "has no folder masks, but others have one",
                    "Add it (empty if the image has no object), or pass images_without_masks='background'",
                )
            files = list_images(masks) if masks is not None else None
            self.add_image(
                source,
                folder.name,
                picture,
                group=str(folder),
                masks=[] if files is None and (truth or images_without_masks == "background") else files,
            )
        self.prepare()

    @staticmethod
    def _picture(folder, images):
        found = list_images(images) if images is not None else []
        if len(found) != 1:
            raise DataError(
                folder,
                f"has {len(found)} images in its folder images, but one is expected",
                "Put exactly one image there, or move the folder elsewhere",
            )
        return found[0]

    def read_instances(self, info):
        """Decode the mask files of one image."""
        if info["masks"] is None:
            return super().read_instances(info)
        found = read_mask_files(
            info["masks"], info["path"], self._threshold, self._drop_empty, no_background=self._no_background
        )
        self.tell_once("pieces", lambda: pieces_sentence(found, info["masks"]))
        return found

    def object_count(self, image_id):
        """Number of mask files; if empty ones are dropped, the masks are decoded and counted."""
        files = self.image_info[image_id]["masks"]
        return super().object_count(image_id) if files is None or self._drop_empty else len(files)
