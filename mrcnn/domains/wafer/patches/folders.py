"""Read and write folders of patches, with one mask file per object in separate folders for tissue and magnets."""

import re
from pathlib import Path

import numpy as np

from mrcnn.data.large.channels import DERIVED, sobel
from mrcnn.data.readers.file_dataset import FileDataset, child_folder, existing_folder
from mrcnn.data.readers.masks import check_threshold, read_mask
from mrcnn.domains.wafer.labels.outlines import CLASS_NAMES, MAGNET, TISSUE
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import whole_folder
from mrcnn.geometry.instances import Instances
from mrcnn.images.read import check_shape, image_shape, list_images, natural_key, read_image

_IMAGES = ("image", "images")
MASKS = {TISSUE: ("tissue_masks", "tissue"), MAGNET: ("magnetic_masks", "magnet_masks", "mag", "magnet")}
# Ending of an image's file name after the last underscore, and the channel it stands for; without ending: grey.
_SUFFIXES = {"base": "grey", "grey": "grey", "fluo": "fluo", "mf": "fluo", "edges": "edges"}
_DEPTH = 3  # levels of folders from the given one down to a patch: subset, image, patch
_CROP = re.compile(r"_crop\d+$")


class PatchFolderDataset(FileDataset):
    """Data set of patches: folders `<id>` with a folder `image` or `images`, and folders with one mask file per object.

    Images: `<id>.tif` (grey, or a colour image of grey, grey, fluorescence) and `<id>_fluo.tif`; or `*_base.tif`,
    `*_mf.tif`, `*_edges.tif`. Masks: `tissue_masks` or `tissue`, and `magnetic_masks`, `magnet_masks`, `mag` or
    `magnet`. Patches may be in subfolders of the given folder, such as `train/<id>` or `image_1/patch_2`. Empty masks,
    which older generators wrote, are ignored.

    Parameters
    ----------
    path : str, Path, or a sequence of them
        One or more folders of patches.
    channels : sequence of str
        Names of the channels of an image, as in `ChannelStack`: "grey", "fluo", "edges" (from its file if there is
        one, otherwise computed from grey), "zeros".
    threshold : number, optional
        Grey value above which a mask pixel belongs to the object; by default 0, and 30 for JPEG.
    source : str
        Name of the data set.
    pixel_size_nm
        As in `FileDataset`.

    Raises
    ------
    DataError
        There is no patch, a patch has several images of a channel or lacks one, or has no folder of masks while others
        do.
    ConfigError
        The channels, the threshold or the pixel size are invalid.
    """

    def __init__(self, path, channels=("grey", "fluo"), threshold=None, source="wafer", pixel_size_nm=None):
        if isinstance(channels, str) or not len(channels):
            raise ConfigError(f"channels must be a sequence of names, such as ('grey', 'fluo'), not {channels!r}.")
        super().__init__(CLASS_NAMES[TISSUE], source, pixel_size_nm, len(channels))
        self.add_class(source, MAGNET, CLASS_NAMES[MAGNET])
        check_threshold(threshold)
        self.channel_names, self._threshold = tuple(channels), threshold
        roots = [existing_folder(p, "patches inside") for p in ([path] if isinstance(path, (str, Path)) else path)]
        members = [(root, folder) for root in roots for folder in patch_folders(root)]
        if not members:
            raise DataError(
                roots[0],
                "contains no patch",
                "Expected <id>/images/<id>.tif, <id>/tissue_masks/*.tif and <id>/magnetic_masks/*.tif",
            )
        masks = [{class_id: child_folder(folder, *names) for class_id, names in MASKS.items()} for _, folder in members]
        labelled = any(found is not None for folders in masks for found in folders.values())
        for (root, folder), folders in zip(members, masks):
            # Patches in different folders may have the same name.
            name = folder.as_posix() if len(roots) > 1 else folder.relative_to(root.parent).as_posix()
            self._add_patch(name.removeprefix(f"{root.name}/"), folder, folders, labelled)
        self.prepare()

    def _add_patch(self, image_id, folder, folders, labelled):
        if labelled and all(found is None for found in folders.values()):
            raise DataError(
                folder,
                "has neither a folder tissue_masks nor magnetic_masks, while other patches do",
                "Add these folders (empty if the patch has no section), or move the patch elsewhere",
            )
        files = _pictures(folder)
        for name in self.channel_names:
            self._check_channel(name, files, folder)
        # Patches cut from the same image form a group: image_1/patch_2, or name_crop3.
        cut = folder.parent.name.startswith("image_")
        group = folder.parent if cut else folder.parent / _CROP.sub("", folder.name)
        self.add_image(
            self._source, image_id, files["grey"], files=files, masks=folders if labelled else None, group=str(group)
        )

    @staticmethod
    def _check_channel(name, files, folder):
        if "grey" not in files:
            raise DataError(folder, "contains no grey image", "Expected images/<id>.tif or images/*_base.tif")
        in_colour = name == "fluo" and len(image_shape(files["grey"])) == 3
        if name not in (*files, *DERIVED) and not in_colour:
            raise DataError(
                files["grey"],
                f"has no image of channel '{name}' next to it; available channels: {', '.join(files)}",
                f"Add <id>_{name}.tif, or select other channels",
            )

    def load_image(self, image_id):
        """The image, uint8 [H, W, C], with the channels `channel_names`.

        Raises `DataError` if a file cannot be used, is not 8-bit, or differs in size from the grey image.
        """
        files = self.image_info[image_id]["files"]
        planes = {}
        for name in dict.fromkeys(self.channel_names):
            planes[name] = self._plane(name, files)
            shape = self.image_shape(image_id)[:2]
            if planes[name].shape != shape:
                raise DataError(
                    files[name],
                    f"is {planes[name].shape} pixels, but {files['grey'].name} is {shape}",
                    "Provide channels of the same size for each patch",
                )
        return np.stack([planes[name] for name in self.channel_names], axis=-1)

    def _plane(self, name, files):
        if name == "zeros":
            return np.zeros(image_shape(files["grey"])[:2], np.uint8)
        if name == "edges" and name not in files:
            return sobel(self._plane("grey", files))
        path = files.get(name, files["grey"])
        pixels = read_image(path)
        if pixels.dtype != np.uint8:
            raise DataError(
                path,
                f"has pixels of type {pixels.dtype}, but patches must be 8-bit",
                "Convert them to 8 bits, with the same scaling for all patches of a wafer",
            )
        # The channels of a colour image are (grey, grey, fluorescence).
        return pixels if pixels.ndim == 2 else pixels[..., 2 if name == "fluo" and name not in files else 0]

    def image_shape(self, image_id):
        """Rows, columns and channels of a patch, from the header of its grey image."""
        return (*image_shape(self.image_info[image_id]["path"])[:2], len(self.channel_names))

    def read_instances(self, info):
        """Decode the mask files of one patch, tissue before magnets."""
        if info["masks"] is None:
            return super().read_instances(info)
        shape = image_shape(info["path"])[:2]
        files = [
            (file, class_id)
            for class_id, folder in info["masks"].items()
            if folder is not None
            for file in list_images(folder)
        ]

        def decoded():
            for file, _ in files:
                mask = read_mask(file, self._threshold)
                check_shape(file, mask.shape, shape, info["path"])
                yield mask

        return Instances.from_mask_iterator(shape, decoded(), [class_id for _, class_id in files])


def patch_folders(folder, depth=_DEPTH):
    """Folders that contain images in a subfolder `image` or `images`, in natural order."""
    images = child_folder(folder, *_IMAGES)
    if images is not None and list_images(images):
        return [folder]
    inner = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")] if depth else []
    return [found for p in sorted(inner, key=natural_key) for found in patch_folders(p, depth - 1)]


def _pictures(folder):
    """The image files of a patch by channel."""
    files = {}
    for path in list_images(child_folder(folder, *_IMAGES)):
        stem, own = path.stem, f"{folder.name}_"
        suffix = stem.removeprefix(own) if stem.startswith(own) else stem.rpartition("_")[2]
        name = _SUFFIXES.get(suffix.lower(), suffix if stem.startswith(own) else "grey")
        if name in files:
            raise DataError(
                path,
                f"is a second image of channel '{name}', in addition to {files[name].name}",
                "Keep one image per channel, with endings such as _fluo",
            )
        files[name] = path
    return files


def patch_written(folder, name):
    """Whether a patch with this name exists; it exists only once it is complete."""
    return (Path(folder) / name).is_dir()


def write_patch(folder, name, image_by_channel, instances):
    """Write a patch in the layout of `PatchFolderDataset`, either completely or not at all.

    Files are `<name>/images/<name>.tif` (grey), `<name>_<channel>.tif`, `<name>/tissue_masks/<i>.tif` and
    `<name>/magnetic_masks/<i>.tif`, with mask values 0 and 255; objects without pixels are left out.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    name : str
    image_by_channel : dict of str to uint8 [H, W]
        "grey", and "fluo" or other channels.
    instances : Instances
        Objects of the classes `TISSUE` and `MAGNET`. Their pixel size, if they have one, is stored with the images.

    Returns
    -------
    Path
        The folder of the patch.

    Raises
    ------
    DataError
        The patch already exists, an image is not uint8 [H, W] or does not match the size of the objects, or the files
        cannot be written.
    """
    folder = Path(folder)
    target = folder / name
    _check_writable(target, image_by_channel, instances)
    cure = "Check the folder's permissions and the free space"
    with whole_folder(target, draft_name=f".{name}.part", cure=cure) as draft:
        for child in ("images", MASKS[TISSUE][0], MASKS[MAGNET][0]):
            (draft / child).mkdir()
        for channel, plane in image_by_channel.items():
            ending = "" if channel == "grey" else f"_{channel}"
            # Uncompressed: noise does not compress well, and training reads these files repeatedly.
            _write_tiff(draft / "images" / f"{name}{ending}.tif", plane, None, instances.pixel_size_nm)
        _write_masks(draft, instances)
    return target


def _check_writable(target, image_by_channel, instances):
    if target.exists():
        raise DataError(target, "already exists", "Choose an empty folder or another name")
    if "grey" not in image_by_channel:
        raise DataError(target, "would contain no grey image", "Include 'grey' in the channels")
    for channel, plane in image_by_channel.items():
        plane = np.asarray(plane)
        if plane.dtype != np.uint8 or plane.shape != instances.image_shape:
            raise DataError(
                target,
                f"channel '{channel}' is {plane.dtype} with shape {plane.shape}, but patches must be uint8 "
                f"with the image shape of the objects, {instances.image_shape}",
                "Provide a uint8 image of this shape",
            )
    strange = set(instances.class_ids.tolist()) - set(MASKS)
    if strange:
        raise DataError(
            target, f"has objects of classes {sorted(strange)}", "Only use the classes tissue (1) and magnet (2)"
        )


def _write_masks(folder, instances):
    for class_id, (child, *_) in MASKS.items():
        members = [i for i in np.flatnonzero(instances.class_ids == class_id) if instances.masks[i].any()]
        for number, i in enumerate(members, start=1):
            y1, x1, y2, x2 = instances.boxes[i]
            full = np.zeros(instances.image_shape, np.uint8)
            full[y1:y2, x1:x2][instances.masks[i]] = 255
            _write_tiff(folder / child / f"{number:03d}.tif", full, "zlib")


def _write_tiff(path, plane, compression, pixel_size_nm=None):
    import tifffile

    if pixel_size_nm is None:
        tifffile.imwrite(path, plane, compression=compression, photometric="minisblack", metadata=None)
        return
    y, x = (nm / 1e3 for nm in pixel_size_nm)
    # As ImageJ does: it names the unit, so that no size is taken for the resolution of a printer.
    tifffile.imwrite(path, plane, imagej=True, resolution=(1 / x, 1 / y), metadata={"unit": "um"})
