"""Small data sets in the formats of Matterport's users: VIA, DSB 2018, COCO, Pascal VOC.

All show the same objects as `shapes.py`: bright squares, discs and triangles in different colours on a dark background.
"""

import json
import xml.etree.ElementTree as ET

import imageio.v3 as iio
import numpy as np
import pytest
from skimage.draw import disk, polygon

COLORS = {"square": (250, 40, 40), "disc": (40, 250, 40), "triangle": (40, 40, 250)}
KINDS = tuple(COLORS)


def outline(kind, y, x, radius):
    """Corners (y, x) of a shape around its centre, float [K, 2]."""
    if kind == "square":
        corners = [(-1, -1), (-1, 1), (1, 1), (1, -1)]
    elif kind == "triangle":
        corners = [(-1, 0), (1, 1), (1, -1)]
    else:
        turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        corners = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    return np.array([y, x]) + radius * np.array(corners, float)


def scene(rng, kinds, height=64, width=64):
    """(image uint8 [H, W, 3], [(kind, corners [K, 2])]): the shapes side by side, without overlaps."""
    image = rng.integers(10, 40, (height, width, 3), np.uint8)
    shapes, column = [], width // len(kinds)
    for i, kind in enumerate(kinds):
        radius = int(rng.integers(7, max(8, min(column // 2 - 1, 12))))
        y = rng.integers(radius + 1, height - radius - 1)
        x = i * column + rng.integers(radius, max(radius + 1, column - radius))
        corners = outline(kind, y, x, radius)
        rows, columns = polygon(*corners.T, image.shape[:2])
        image[rows, columns] = COLORS[kind]
        shapes.append((kind, corners))
    return image, shapes


def kinds_of(rng):
    """One or two kinds at random."""
    return [KINDS[i] for i in rng.integers(0, 3, rng.integers(1, 3))]


@pytest.fixture(scope="session")
def balloon_folder(tmp_path_factory):
    """`train` and `val`, each with images of two sizes and `via_region_data.json`; one image has no region."""
    root, rng = tmp_path_factory.mktemp("balloons"), np.random.default_rng(1)
    for subset, count in (("train", 6), ("val", 2)):
        folder, annotations = root / subset, {}
        folder.mkdir()
        for i in range(count):
            image, shapes = scene(rng, ["disc", "disc"], 64, 64 if i % 2 else 96)
            name = f"party_{i}.png"
            iio.imwrite(folder / name, image)
            regions = [
                {
                    "region_attributes": {},
                    "shape_attributes": {
                        "name": "polygon",
                        "all_points_y": [int(y) for y, _ in corners],
                        "all_points_x": [int(x) for _, x in corners],
                    },
                }
                for _, corners in shapes
            ]
            if subset == "train" and i == 0:
                regions = []
            # VIA 1 wrote a dict of regions, VIA 2 a list
            annotations[f"{name}{i}"] = {
                "filename": name,
                "size": i,
                "fileref": "",
                "base64_img_data": "",
                "file_attributes": {},
                "regions": regions if i % 2 else dict(zip("0123", regions)),
            }
        (folder / "via_region_data.json").write_text(json.dumps(annotations))
    return root


@pytest.fixture(scope="session")
def nucleus_folder(tmp_path_factory):
    """`stage1_train` with masks and `stage1_test` without: one folder per image, RGBA, two sizes."""
    root, rng = tmp_path_factory.mktemp("nuclei"), np.random.default_rng(2)
    for subset, count in (("stage1_train", 6), ("stage1_test", 2)):
        for i in range(count):
            folder, height, width = root / subset / f"nuc_{i}", 64, 80 if i % 2 else 64
            (folder / "images").mkdir(parents=True)
            image, masks = rng.integers(5, 20, (height, width, 4), np.uint8), []
            image[..., 3] = 255
            for y, x in ((16, 16), (16, 48), (46, 32)):
                mask = np.zeros((height, width), np.uint8)
                mask[disk((y + rng.integers(-3, 4), x + rng.integers(-3, 4)), rng.integers(6, 11))] = 255
                image[mask > 0, :3] = COLORS["disc"]
                masks.append(mask)
            iio.imwrite(folder / "images" / f"nuc_{i}.png", image)
            if subset == "stage1_train":
                (folder / "masks").mkdir()
                for k, mask in enumerate(masks):
                    iio.imwrite(folder / "masks" / f"m{k}.png", mask)
    return root


@pytest.fixture(scope="session")
def coco_folder(tmp_path_factory):
    """Annotations of three categories with gaps in their ids, polygons, and one crowd as run lengths."""
    root, rng = tmp_path_factory.mktemp("coco"), np.random.default_rng(3)
    (root / "annotations").mkdir()
    categories = [{"id": i, "name": kind, "supercategory": "shape"} for i, kind in zip((3, 7, 12), KINDS)]
    for first, (subset, count) in enumerate((("train", 5), ("valminusminival", 2), ("minival", 6))):
        folder, images, annotations = root / f"{subset}2014", [], []
        folder.mkdir()
        for i in range(count):
            image, shapes = scene(rng, kinds_of(rng))
            number = 1000 * (first + 1) + i
            iio.imwrite(folder / f"{number:012d}.png", image)
            images.append({"id": number, "file_name": f"{number:012d}.png", "height": 64, "width": 64})
            for kind, corners in shapes:
                (y1, x1), (y2, x2) = corners.min(axis=0), corners.max(axis=0)
                annotations.append(
                    {
                        "id": 100 * number + len(annotations),
                        "image_id": number,
                        "iscrowd": 0,
                        "category_id": categories[KINDS.index(kind)]["id"],
                        "area": float((y2 - y1) * (x2 - x1)),
                        "bbox": [float(v) for v in (x1, y1, x2 - x1, y2 - y1)],
                        "segmentation": [[float(v) for v in corners[:, ::-1].ravel()]],
                    }
                )
        if subset == "train":  # the only object of this image, smaller than a pixel
            number = 1000 * (first + 1) + count
            iio.imwrite(folder / f"{number:012d}.png", image)
            images.append({"id": number, "file_name": f"{number:012d}.png", "height": 64, "width": 64})
            annotations.append(
                {
                    "id": 100 * number,
                    "image_id": number,
                    "iscrowd": 0,
                    "category_id": 7,
                    "area": 0.1,
                    "bbox": [9.0, 9.0, 0.3, 0.3],
                    "segmentation": {"size": [64, 64], "counts": [64 * 64]},
                }
            )
        if subset != "valminusminival":
            # Columns 0 to 3 of the first image are a crowd
            annotations.append(
                {
                    "id": 1,
                    "image_id": images[0]["id"],
                    "iscrowd": 1,
                    "category_id": 7,
                    "area": 256.0,
                    "bbox": [0.0, 0.0, 4.0, 64.0],
                    "segmentation": {"size": [64, 64], "counts": [0, 256, 64 * 60]},
                }
            )
        (root / "annotations" / f"instances_{subset}2014.json").write_text(
            json.dumps(
                {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
            )
        )
    return root


@pytest.fixture(scope="session")
def voc_folder(tmp_path_factory):
    """`JPEGImages` and `Annotations` as LabelImg writes them; some numbers are written as floats."""
    root, rng = tmp_path_factory.mktemp("voc"), np.random.default_rng(4)
    names = {"square": "nucleoli", "disc": "not_nucleoli"}
    for folder in ("JPEGImages", "Annotations"):
        (root / folder).mkdir()
    for i in range(6):
        image, shapes = scene(rng, ["square", "disc"])
        iio.imwrite(root / "JPEGImages" / f"{i:05d}.jpg", image, quality=95)
        tree = ET.Element("annotation")
        ET.SubElement(tree, "filename").text = f"{i:05d}.jpg"
        size = ET.SubElement(tree, "size")
        for name, value in (("width", 64), ("height", 64), ("depth", 3)):
            ET.SubElement(size, name).text = str(value)
        for kind, corners in shapes:
            thing = ET.SubElement(tree, "object")
            ET.SubElement(thing, "name").text = names[kind]
            box = ET.SubElement(thing, "bndbox")
            (y1, x1), (y2, x2) = np.rint(corners.min(axis=0)), np.rint(corners.max(axis=0))
            for name, value in (("xmin", x1), ("ymin", y1), ("xmax", x2), ("ymax", y2)):
                ET.SubElement(box, name).text = str(value if i % 2 else int(value))
        ET.ElementTree(tree).write(root / "Annotations" / f"{i:05d}.xml")
    return root
