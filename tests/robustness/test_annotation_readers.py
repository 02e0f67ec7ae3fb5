"""Damaged and hostile annotation files of every format are read, or refused in one short sentence."""

import json
import random
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from brush_bytes import encode
from PIL import Image

from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.domains.hpa.labels import read_hpa_csv
from mrcnn.domains.wafer.labels.read import read_labels
from mrcnn.errors import MrcnnError

MUTATIONS = 60  # of each sample
SIZE = 'width="60" height="40"'
RECT = {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["cell"]}
BRUSH = {"format": "rle", "rle": encode(np.full((40, 60), 255, np.uint8)), "brushlabels": ["cell"]}
REGION = {"original_width": 60, "original_height": 40, "image_rotation": 0}
SAMPLES = {
    "coco.json": json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
            "categories": [{"id": 1, "name": "cell"}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 1,
                    "category_id": 1,
                    "bbox": [1, 2, 9, 8],
                    "segmentation": [[1, 2, 10, 2, 10, 9]],
                },
                {"id": 2, "image_id": 1, "category_id": 1, "segmentation": {"size": [40, 60], "counts": [5, 9, 2386]}},
                {"id": 3, "image_id": 1, "category_id": 1, "iscrowd": 1, "bbox": [1.5, 2, 9, 8]},
            ],
        }
    ),
    "via.json": json.dumps(
        {
            "a.png9": {
                "filename": "a.png",
                "regions": [
                    {
                        "shape_attributes": {"name": "polygon", "all_points_x": [1, 9, 9], "all_points_y": [1, 1, 8]},
                        "region_attributes": {"class": "cell"},
                    },
                    {
                        "shape_attributes": {"name": "ellipse", "cx": 20, "cy": 20, "rx": 5, "ry": 4, "theta": 0.5},
                        "region_attributes": {"class": "cell", "difficult": "1"},
                    },
                ],
            }
        }
    ),
    "tasks.json": json.dumps(
        [
            {
                "id": 1,
                "data": {"image": "/data/upload/a.png"},
                "annotations": [
                    {
                        "result": [
                            {**REGION, "id": "r", "type": "rectanglelabels", "value": RECT},
                            {**REGION, "id": "s", "type": "brushlabels", "value": BRUSH},
                        ]
                    }
                ],
            }
        ]
    ),
    "via.csv": (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        'a.png,9,"{}",1,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":9,""height"":8}","{""class"":""cell""}"\n'
    ),
    "annot.csv": "path,x1,y1,x2,y2,class\na.png,1,2,10,9,cell\na.png,3,3,20,30,dust\n",
    "annotations.xml": (
        f'<annotations><version>1.1</version><image id="0" name="a.png" {SIZE}>'
        '<box label="cell" xtl="1" ytl="2" xbr="10" ybr="9" rotation="30"/><polygon label="cell" points="1,2;9,2;9,8"/>'
        '<mask label="cell" rle="1, 2, 3, 3" left="5" top="6" width="3" height="3"/></image></annotations>'
    ),
    "a.xml": (
        "<annotation><filename>a.png</filename><size><width>60</width><height>40</height><depth>1</depth></size><object>"
        "<name>cell</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>12</xmax><ymax>9</ymax>"
        "</bndbox></object></annotation>"
    ),
    "labels/a.txt": "0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.5 0.1 0.5 0.5\n",
    "data.yaml": "nc: 2\nnames: ['cell', 'dust']\n",
    "wafer.json": json.dumps(
        {
            "imagePath": "a.png",
            "imageHeight": 40,
            "imageWidth": 60,
            "shapes": [
                {"label": "tissue-1", "points": [[1, 2], [10, 2], [10, 9]], "shape_type": "polygon", "group_id": None},
                {"label": "magnet-1", "points": [[11, 2], [20, 9]], "shape_type": "rectangle"},
            ],
        }
    ),
    "fields.csv": "Id,Target\na,1 2\nb,27\n",
}
HOSTILE = (
    "9" * 5000,
    "-1",
    "0",
    "1e400",
    "-Infinity",
    "NaN",
    "1e308",
    "140000",
    "null",
    "true",
    '"\\ud800"',
    '""',
    '"../../x"',
    '"' + "x" * 5000 + '"',
    "[" * 3000,
    "[[[1, 2], [3]], {}]",
    "{}",
    "\0",
)


def mutated(text, rng):
    """A text with one token replaced, or some bytes changed, removed or repeated."""
    data = text.encode()
    kind = rng.randrange(6)
    if kind <= 2:  # a number or word becomes a hostile one
        tokens = list(re.finditer(r'"[^"]*"|-?\d+(\.\d+)?|\w+', text))
        token = rng.choice(tokens)
        return (text[: token.start()] + rng.choice(HOSTILE) + text[token.end() :]).encode()
    place = rng.randrange(len(data))
    if kind == 3:
        return data[:place]
    if kind == 4:
        return data[:place] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 5))) + data[place + 1 :]
    end = min(place + rng.randrange(1, 40), len(data))
    return data[:end] + data[place:end] * rng.randrange(0, 4) + data[end + rng.randrange(0, 9) :]


def read(name, folder):
    path = folder / name
    if name == "wafer.json":
        read_labels(path).instances((0, 0, 40, 60))
    elif name == "fields.csv":
        read_hpa_csv(path)
    else:
        place = folder / "labels" if name in ("labels/a.txt", "data.yaml") else path
        dataset = BoxDataset(place, outside="clip", **({} if place != path else {"images": folder}))
        for image_id in dataset.image_ids:
            dataset.load_instances(image_id)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    for name in ("a.png", "images/a.png"):
        Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / name)
    for name in ("labels/a.txt", "data.yaml"):
        (tmp_path / name).write_text(SAMPLES[name])
    return tmp_path


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_ends_in_one_short_sentence_or_in_a_data_set(folder, name):
    path, rng = folder / name, random.Random(name)
    path.write_text(SAMPLES[name])
    read(name, folder)  # the sample is sound
    for _ in range(MUTATIONS):
        data = mutated(SAMPLES[name], rng)
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(name, folder)
        except MrcnnError as error:
            message = str(error)
            message.encode()  # can be printed
            assert len(message.replace(str(folder), "")) < 900, message[:2000]
            assert str(folder) in message or Path(path).name in message, message
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error} for {data[:2000]!r}") from error
