import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.stacks import StackDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.images import read as images

PAGES = 45
IMAGES = np.random.default_rng(0).integers(0, 255, (PAGES, 30, 40), dtype=np.uint8)
TRUTH = np.zeros((PAGES, 30, 40), np.uint8)
TRUTH[:, 2:10, 3:12], TRUTH[5:, 15:25, 20:35], TRUTH[:, 28:, 38:] = 1, 2, 3


def write(folder, truth=TRUTH, pictures=IMAGES, **options):
    tifffile.imwrite(
        folder / "s.tif",
        pictures,
        photometric="minisblack",
        resolution=(2e6, 2e6),
        resolutionunit="CENTIMETER",
        **options,
    )
    tifffile.imwrite(folder / "t.tif", truth, photometric="minisblack", compression="zlib")
    return folder / "s.tif", folder / "t.tif"


def test_each_page_is_an_image(tmp_path):
    dataset = StackDataset(*write(tmp_path))
    assert dataset.num_images == PAGES and dataset.image_info[7]["id"] == "s_0007"
    assert dataset.image_reference(7).endswith("s.tif, page 7")
    np.testing.assert_array_equal(dataset.load_image(7), np.repeat(IMAGES[7][..., None], 3, axis=-1))
    assert [len(dataset.load_instances(i)) for i in (0, 5)] == [2, 3]
    assert dataset.load_instances(0).pixel_size_nm == pytest.approx((5, 5))
    assert dataset.image_shape(0) == (30, 40, 1)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_types_and_channels(tmp_path, dtype):
    pictures = np.random.default_rng(0).random((4, 30, 40, 2)).astype(np.float32)
    pictures = (pictures * (60_000 if dtype == np.uint16 else 1)).astype(dtype)
    tifffile.imwrite(tmp_path / "s.tif", np.moveaxis(pictures, -1, 1), imagej=True, metadata={"axes": "ZCYX"})
    dataset = StackDataset(tmp_path / "s.tif")
    assert dataset.num_images == 4
    np.testing.assert_array_equal(dataset.load_image(3), pictures[3])
    tifffile.imwrite(tmp_path / "s.tif", pictures[..., 0], photometric="minisblack")
    assert StackDataset(tmp_path / "s.tif", channels=1).load_image(2).dtype == dtype


def test_modes_and_smallest_size(tmp_path):
    paths = write(tmp_path, truth=np.uint8(TRUTH > 0) * 255)
    assert len(StackDataset(*paths).load_instances(5)) == 3
    assert len(StackDataset(*paths, min_size_px=5).load_instances(5)) == 2
    assert len(StackDataset(*paths, mode="instances").load_instances(5)) == 1
    # Page 40 alone holds two pieces of value 3: only the other pages show that values are instances.
    truth = TRUTH.copy()
    truth[40] = 0
    truth[40, 0:3, 0:3] = truth[40, 9:12, 9:12] = 3
    paths = write(tmp_path, truth=truth)
    assert len(StackDataset(*paths).load_instances(40)) == 1
    assert len(StackDataset(*paths, mode="semantic").load_instances(40)) == 2


def test_watershed_and_connectivity(tmp_path):
    rows, columns = np.mgrid[:30, :40]
    two = ((rows - 15) ** 2 + (columns - 11) ** 2 < 80) | ((rows - 15) ** 2 + (columns - 27) ** 2 < 80)
    corner = (rows < 2) & (columns < 2) | (rows >= 2) & (rows < 4) & (columns >= 2) & (columns < 4)
    paths = write(tmp_path, truth=np.uint8(np.stack([two, corner])), pictures=IMAGES[:2])
    assert [len(StackDataset(*paths, watershed_distance_px=d).load_instances(0)) for d in (None, 6)] == [1, 2]
    assert [len(StackDataset(*paths, connectivity=c).load_instances(1)) for c in (1, 2)] == [2, 1]


def test_slices_and_blocks(tmp_path):
    paths = write(tmp_path)
    dataset = StackDataset(*paths, slices=(15, 42), block=10)
    assert [info["page"] for info in dataset.image_info] == list(range(15, 42))
    groups = [dataset.group(i) for i in range(dataset.num_images)]
    assert [groups.count(g) for g in dict.fromkeys(groups)] == [5, 10, 10, 2]
    np.testing.assert_array_equal(dataset.load_image(0)[..., 0], IMAGES[15])
    for slices in ((0, 46), (-1, 3), (5, 5), "ab", (1, 2, 3)):
        with pytest.raises(ConfigError, match="slices"):
            StackDataset(*paths, slices=slices)
    with pytest.raises(ConfigError, match="block"):
        StackDataset(*paths, block=0)


def test_one_page_and_no_truth(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", IMAGES[0])
    tifffile.imwrite(tmp_path / "t.tif", TRUTH[9])
    assert len(StackDataset(tmp_path / "s.tif", tmp_path / "t.tif").load_instances(0)) == 3
    dataset = StackDataset(tmp_path / "s.tif")
    assert dataset.load_image(0).shape == (30, 40, 3)
    with pytest.raises(DataError, match="s.tif: contains images without ground truth"):
        dataset.load_instances(0)


@pytest.mark.parametrize(
    "truth, problem",
    [
        (TRUTH[1:], "t.tif: has 44 pages, but .*s.tif has 45"),
        (TRUTH[:, 1:], "t.tif: has pages of 29 x 40 pixels"),
        (TRUTH.astype(np.float32), "t.tif: has values of type float32"),
        (-TRUTH.astype(np.int16), "t.tif: has the negative label"),
    ],
)
def test_truth_that_does_not_fit(tmp_path, truth, problem):
    paths = write(tmp_path, truth=truth)
    with pytest.raises(DataError, match=problem):
        StackDataset(*paths).load_instances(0)


def test_what_is_no_stack(tmp_path):
    stack, truth = write(tmp_path)
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="a.png: is not a TIFF"):
        StackDataset(tmp_path / "a.png")
    with pytest.raises(DataError, match="a.png: is not a TIFF"):
        StackDataset(stack, tmp_path / "a.png")
    tifffile.imwrite(truth, np.zeros((PAGES, 30, 40, 3), np.uint8), photometric="rgb")
    with pytest.raises(DataError, match="t.tif: has pages with 3 channels"):
        StackDataset(stack, truth)
    with tifffile.TiffWriter(truth) as tif:
        for i in range(PAGES):
            tif.write(np.zeros((30, 40 + i // 44), np.uint8), contiguous=False, metadata=None)
    with pytest.raises(DataError, match="t.tif: its 45 pages differ in size"):
        StackDataset(stack, truth)


def test_nan_names_the_page(tmp_path):
    pictures = IMAGES.astype(np.float32)
    pictures[3, 0, 0] = np.nan
    dataset = StackDataset(*write(tmp_path, pictures=pictures))
    assert dataset.load_image(2).dtype == np.float32
    with pytest.raises(DataError, match="s.tif: has 1 NaN or infinite values in page 3"):
        dataset.load_image(3)


def test_opening_decodes_nothing(tmp_path, monkeypatch):
    paths = write(tmp_path)
    monkeypatch.setattr(images, "read_tiff", lambda *_: pytest.fail("decoded"))
    assert StackDataset(*paths).num_images == PAGES


def test_real_stack(real_data):
    folder = real_data / "epfl_ca1"
    dataset = StackDataset(folder / "training.tif", folder / "training_groundtruth.tif", slices=(130, 165))
    assert dataset.num_images == 35
    np.testing.assert_array_equal(dataset.load_image(4)[..., 0], tifffile.imread(folder / "training.tif", key=134))
    truth = tifffile.imread(folder / "training_groundtruth.tif", key=134)
    objects = dataset.load_instances(4)
    np.testing.assert_array_equal(objects.foreground(), truth > 0)
    assert len(objects) > 5 and objects.pixel_size_nm == pytest.approx((5, 5))


def test_pages_of_slices_at_several_time_points(tmp_path):
    shape = (9, 5, 30, 40)
    paths = [tmp_path / name for name in ("s.tif", "t.tif", "other.tif", "plain.tif")]
    for path, pixels, axes in zip(paths, (IMAGES, TRUTH, TRUTH, TRUTH), ("TZYX", "TZYX", "ZTYX", "TZYX")):
        options = {"ome": True, "metadata": {"axes": axes}} if path != paths[3] else {"photometric": "minisblack"}
        tifffile.imwrite(path, pixels.reshape(shape if path != paths[3] else (45, 30, 40)), **options)
    dataset = StackDataset(paths[0], paths[1])
    assert dataset.num_images == PAGES and dataset.image_reference(7).endswith("s.tif, page 7, t 1, z 2")
    np.testing.assert_array_equal(dataset.load_image(7)[..., 0], IMAGES[7])
    with pytest.raises(DataError, match="other.tif: has pages along Z 9, T 5, but those of .*s.tif are along T 9, Z 5"):
        StackDataset(paths[0], paths[2])
    assert StackDataset(paths[0], paths[3]).num_images == PAGES  # pages without names are in the order of the images
