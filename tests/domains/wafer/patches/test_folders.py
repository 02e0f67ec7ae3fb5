"""Folders of patches: reading the layouts of three projects, and writing patches completely or not at all."""

import numpy as np
import pytest
import tifffile

from mrcnn.data.large.channels import sobel
from mrcnn.domains.wafer.labels.outlines import MAGNET, TISSUE
from mrcnn.domains.wafer.patches import folders as patch_folders
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset, patch_written, write_patch
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances

H, W = 40, 50
GREY = np.random.default_rng(0).integers(0, 256, (H, W), np.uint8)
FLUO = np.random.default_rng(1).integers(0, 256, (H, W), np.uint8)
OBJECTS = Instances(
    (H, W),
    [[1, 2, 6, 8], [10, 20, 14, 30], [30, 40, 40, 50]],
    [TISSUE, MAGNET, TISSUE],
    masks=[np.ones((5, 6), bool), np.ones((4, 10), bool), np.eye(10, dtype=bool)],
)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array)


def full(i):
    return OBJECTS.select([i]).to_masks()[..., 0].astype(np.uint8) * 255


def save_masks(folder, tissue, magnet):
    for name, i in ((f"{tissue}/0.tif", 0), (f"{tissue}/10.tif", 2), (f"{magnet}/0.tif", 1)):
        save(folder / name, full(i))
    save(folder / magnet / "black.tif", np.zeros((H, W), np.uint8))


def in_colour(root):
    save(root / "stage1_train" / "a" / "image" / "a.tif", np.dstack([GREY, GREY, FLUO]))
    save_masks(root / "stage1_train" / "a", "tissue_masks", "magnetic_masks")


def in_two_files(root):
    save(root / "a" / "images" / "a.tif", GREY)
    save(root / "a" / "images" / "a_fluo.tif", FLUO)
    save_masks(root / "a", "tissue_masks", "magnetic_masks")


def in_three_files(root):
    for ending, plane in (("base", GREY), ("mf", FLUO), ("edges", sobel(GREY))):
        save(root / "image_0" / "patch_3" / "images" / f"w1_{ending}.tif", plane)
    save_masks(root / "image_0" / "patch_3", "tissue", "mag")


@pytest.mark.parametrize(
    ("layout", "image_id", "group"),
    [
        (in_colour, "stage1_train/a", "stage1_train/a"),
        (in_two_files, "a", "a"),
        (in_three_files, "image_0/patch_3", "image_0"),
    ],
)
def test_all_layouts_give_the_same_patches(tmp_path, layout, image_id, group):
    layout(tmp_path)
    dataset = PatchFolderDataset(tmp_path, ("fluo", "grey", "zeros", "edges"))
    assert dataset.class_names == ["BG", "tissue", "magnet"] and dataset.channels == 4
    assert dataset.image_info[0]["id"] == image_id and dataset.group(0) == str(tmp_path / group)
    assert np.array_equal(dataset.load_image(0), np.dstack([FLUO, GREY, np.zeros_like(GREY), sobel(GREY)]))
    assert dataset.image_shape(0) == (H, W, 4)
    found = dataset.load_instances(0)
    assert found.class_ids.tolist() == [TISSUE, TISSUE, MAGNET]
    assert np.array_equal(found.to_masks(), OBJECTS.select([0, 2, 1]).to_masks())
    assert dataset.object_count(0) == 3 and dataset.load_mask(0)[0].shape == (H, W, 3)


def test_crops_of_one_artificial_image_are_one_group(tmp_path):
    for name in ("artif1_2_crop3", "artif1_2_crop11", "artif1_3_crop3"):
        write_patch(tmp_path, name, {"grey": GREY}, OBJECTS)
    dataset = PatchFolderDataset(tmp_path, ["grey"])
    assert [info["id"] for info in dataset.image_info] == ["artif1_2_crop3", "artif1_2_crop11", "artif1_3_crop3"]
    assert len({dataset.group(i) for i in range(3)}) == 2


def test_several_folders_may_have_patches_of_the_same_name(tmp_path):
    write_patch(tmp_path / "train", "a", {"grey": GREY}, OBJECTS)
    write_patch(tmp_path / "more", "a", {"grey": FLUO}, OBJECTS.select([1]))
    both = PatchFolderDataset([tmp_path / "train", tmp_path / "more"], ["grey"])
    assert [len(both.load_instances(i)) for i in both.image_ids] == [3, 1]
    assert np.array_equal(both.load_image(1)[..., 0], FLUO)
    one = PatchFolderDataset(tmp_path / "train" / "a", ["grey"])
    assert one.num_images == 1 and one.image_info[0]["id"] == "a"


def test_written_patches_are_read_back(tmp_path):
    images = {"grey": GREY, "fluo": FLUO, "depth": FLUO[::-1].copy()}
    path = write_patch(tmp_path / "new", "patch_0001", images, OBJECTS)
    assert path == tmp_path / "new" / "patch_0001" and patch_written(tmp_path / "new", "patch_0001")
    assert sorted(p.name for p in (path / "images").iterdir()) == [
        "patch_0001.tif",
        "patch_0001_depth.tif",
        "patch_0001_fluo.tif",
    ]
    dataset = PatchFolderDataset(tmp_path / "new", ("grey", "depth", "fluo"))
    assert np.array_equal(dataset.load_image(0), np.dstack([GREY, FLUO[::-1], FLUO]))
    assert np.array_equal(dataset.load_instances(0).to_masks(), OBJECTS.select([0, 2, 1]).to_masks())


def test_a_patch_without_sections_is_read_back(tmp_path):
    write_patch(tmp_path, "a", {"grey": GREY}, OBJECTS.select([]))
    write_patch(tmp_path, "b", {"grey": GREY}, OBJECTS)
    dataset = PatchFolderDataset(tmp_path, ["grey"])
    assert [len(dataset.load_instances(i)) for i in dataset.image_ids] == [0, 3]


def test_objects_without_pixels_are_not_written(tmp_path):
    empty = Instances(
        (H, W), [[0, 0, 2, 2], [1, 1, 3, 3]], [TISSUE, TISSUE], masks=[np.zeros((2, 2), bool), np.ones((2, 2), bool)]
    )
    folder = write_patch(tmp_path, "a", {"grey": GREY}, empty)
    assert [p.name for p in (folder / "tissue_masks").iterdir()] == ["001.tif"]
    assert list((folder / "magnetic_masks").iterdir()) == []


def test_a_patch_is_written_completely_or_not_at_all(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(patch_folders, "_write_masks", full_disk)
    with pytest.raises(DataError, match="cannot be written .No space left"):
        write_patch(tmp_path, "a", {"grey": GREY}, OBJECTS)
    assert not patch_written(tmp_path, "a") and list(tmp_path.iterdir()) == []


def test_an_unfinished_patch_is_ignored_and_written_again(tmp_path):
    (tmp_path / ".a.part" / "images").mkdir(parents=True)
    save(tmp_path / ".a.part" / "images" / "a.tif", GREY)
    with pytest.raises(DataError, match="contains no patch"):
        PatchFolderDataset(tmp_path)
    write_patch(tmp_path, "a", {"grey": GREY}, OBJECTS)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("images", "objects", "problem"),
    [
        ({"fluo": GREY}, OBJECTS, "no grey image"),
        ({"grey": GREY[:-1]}, OBJECTS, "channel 'grey' is"),
        ({"grey": GREY, "fluo": FLUO.astype(np.uint16)}, OBJECTS, "channel 'fluo' is uint16"),
        ({"grey": GREY}, Instances((H, W), [[0, 0, 1, 1]], [3], masks=[np.ones((1, 1), bool)]), r"classes \[3\]"),
    ],
)
def test_an_invalid_patch_is_not_written(tmp_path, images, objects, problem):
    with pytest.raises(DataError, match=problem):
        write_patch(tmp_path, "a", images, objects)
    assert not (tmp_path / "a").exists()


def test_an_existing_patch_is_not_replaced(tmp_path):
    write_patch(tmp_path, "a", {"grey": GREY}, OBJECTS)
    with pytest.raises(DataError, match="already exists"):
        write_patch(tmp_path, "a", {"grey": FLUO}, OBJECTS)


def test_images_without_any_masks_are_for_prediction(tmp_path):
    save(tmp_path / "a" / "images" / "a.tif", GREY)
    dataset = PatchFolderDataset(tmp_path, ["grey"])
    assert dataset.load_image(0).shape == (H, W, 1)
    with pytest.raises(DataError, match="without ground truth"):
        dataset.load_instances(0)
    write_patch(tmp_path, "b", {"grey": GREY}, OBJECTS)
    with pytest.raises(DataError, match="a: has neither a folder tissue_masks"):
        PatchFolderDataset(tmp_path, ["grey"])


def bad(name, change, problem, channels=("grey", "fluo")):
    return pytest.param(change, problem, channels, id=name)


@pytest.mark.parametrize(
    ("change", "problem", "channels"),
    [
        bad("no fluorescence", lambda a: (a / "images" / "a_fluo.tif").unlink(), "no image of channel 'fluo'"),
        bad("unknown channel", lambda a: None, "no image of channel 'dapi'", ("grey", "dapi")),
        bad("no grey", lambda a: (a / "images" / "a.tif").unlink(), "contains no grey image"),
        bad("grey twice", lambda a: save(a / "images" / "b.tif", GREY), "second image of channel 'grey'"),
        bad("no images", lambda a: [p.unlink() for p in (a / "images").iterdir()], "contains no patch"),
        bad("other size", lambda a: save(a / "images" / "a_fluo.tif", FLUO[:-1]), r"a_fluo.tif: is \(39, 50\)"),
        bad("16 bit", lambda a: save(a / "images" / "a_fluo.tif", FLUO.astype(np.uint16)), "type uint16"),
        bad("mask of other size", lambda a: save(a / "tissue_masks" / "0.tif", full(0)[:, 1:]), "0.tif: is 40 x 49"),
        bad(
            "cut off",
            lambda a: (a / "images" / "a_fluo.tif").write_bytes((a / "images" / "a_fluo.tif").read_bytes()[:-50]),
            "a_fluo.tif: is truncated",
        ),
    ],
)
def test_bad_patches_are_named(tmp_path, change, problem, channels):
    in_two_files(tmp_path)
    change(tmp_path / "a")
    with pytest.raises(DataError, match=problem):
        dataset = PatchFolderDataset(tmp_path, channels)
        dataset.load_image(0)
        dataset.load_instances(0)


def test_bad_options_are_named(tmp_path):
    with pytest.raises(ConfigError, match="sequence of names"):
        PatchFolderDataset(tmp_path, "grey")
    with pytest.raises(ConfigError, match="threshold"):
        PatchFolderDataset(tmp_path, threshold=-1)
    with pytest.raises(DataError, match="is not a folder"):
        PatchFolderDataset(tmp_path / "none")
