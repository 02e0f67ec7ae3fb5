"""The label pyramid of a wafer: values, metadata for other programs, memory, and existing files at the path."""

import sys
import tracemalloc

import numpy as np
import pytest

from mrcnn.domains.wafer.sections.sections import pair_sections
from mrcnn.errors import ConfigError, DataError, MissingExtra
from mrcnn.geometry.instances import Instances
from mrcnn.results.label_zarr import write_label_zarr

zarr = pytest.importorskip("zarr", exc_type=ModuleNotFoundError)


@pytest.fixture
def instances(wafer, as_instances):
    tissues, magnets, _, shape = wafer(np.random.default_rng(6), 5, 6)
    found = as_instances(tissues, magnets, shape)
    found.scores = np.random.default_rng(0).random(len(found)).astype(np.float32)
    return found


@pytest.mark.parametrize("chunk", [64, 300, 5000])
def test_levels_are_the_label_image_and_every_second_pixel_of_it(instances, tmp_path, chunk):
    write_label_zarr(tmp_path / "labels.ome.zarr", instances, chunk=chunk)
    group = zarr.open_group(str(tmp_path / "labels.ome.zarr"), mode="r")
    full = instances.to_label_image(np.uint16)
    levels = [d["path"] for d in group.attrs["multiscales"][0]["datasets"]]
    assert levels == ["0", "1"]
    for n, name in enumerate(levels):
        assert np.array_equal(group[name][:], full[:: 2**n, :: 2**n])
        assert max(group[name].chunks) <= max(64, chunk)


def test_objects_with_a_higher_score_are_on_top(tmp_path):
    masks = [np.ones((10, 10), bool)] * 2
    overlapping = Instances((30, 30), [[5, 5, 15, 15], [8, 8, 18, 18]], [1, 1], [0.9, 0.8], masks)
    write_label_zarr(tmp_path / "l.zarr", overlapping)
    values = zarr.open_group(str(tmp_path / "l.zarr"), mode="r")["0"][:]
    assert np.array_equal(values, overlapping.to_label_image(np.uint16)) and values[9, 9] == 1


def test_metadata_follow_ome(instances, tmp_path):
    models = pytest.importorskip("ome_zarr_models.v04.image_label", exc_type=ModuleNotFoundError)
    sections = pair_sections(instances)
    write_label_zarr(tmp_path / "labels.ome.zarr", instances, sections, pixel_size_um=(0.5, 0.25))
    group = zarr.open_group(str(tmp_path / "labels.ome.zarr"), mode="r")
    label = models.ImageLabel.from_zarr(group)
    axes = label.attributes.multiscales[0].axes
    assert [(a.name, a.type, a.unit) for a in axes] == [("y", "space", "micrometer"), ("x", "space", "micrometer")]
    scales = [d.coordinateTransformations[0].scale for d in label.attributes.multiscales[0].datasets]
    assert scales == [[0.5, 0.25], [1.0, 0.5]]
    properties = group.attrs["image-label"]["properties"]
    assert len(properties) == len(instances)
    first = sections[0]
    assert {
        "label-value": first.tissue.index + 1,
        "class": "tissue",
        "section_id": 1,
        "score": round(first.tissue.score, 4),
    } in properties


def test_objects_without_a_section_are_left_out(section_of, tmp_path):
    from mrcnn.geometry.polygons import polygons_to_instances

    dummy, _ = section_of((60, 200), 0)
    instances = polygons_to_instances([*section_of((60, 60), 0), dummy], [1, 2, 3], (120, 260))
    write_label_zarr(tmp_path / "l.zarr", instances, pair_sections(instances))
    assert np.unique(zarr.open_group(str(tmp_path / "l.zarr"), mode="r")["0"][:]).tolist() == [0, 1, 2]


def test_only_a_few_chunks_are_in_memory(tmp_path):
    mask = np.ones((60, 100), bool)
    boxes = [[y, x, y + 60, x + 100] for y in range(0, 3900, 400) for x in range(0, 3900, 300)]
    instances = Instances((4000, 4000), boxes, masks=[mask] * len(boxes))
    write_label_zarr(tmp_path / "first.zarr", instances.select([0]), chunk=512)  # imports
    tracemalloc.start()
    write_label_zarr(tmp_path / "l.zarr", instances, chunk=512)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20 < 2 * 4000 * 4000


def test_an_image_without_objects(tmp_path):
    write_label_zarr(tmp_path / "l.zarr", Instances((700, 40)), [])
    group = zarr.open_group(str(tmp_path / "l.zarr"), mode="r")
    assert group["0"].shape == (700, 40) and not group["1"][:].any()


def test_only_a_zarr_is_replaced(instances, tmp_path):
    target = tmp_path / "l.zarr"
    write_label_zarr(target, instances)
    write_label_zarr(target, instances.select([0]))
    assert zarr.open_group(str(target), mode="r")["0"][:].max() == 1
    for other in ("folder", "file"):
        path = tmp_path / other
        path.mkdir() if other == "folder" else path.write_text("mine")
        with pytest.raises(DataError, match="is not a Zarr"):
            write_label_zarr(path, instances)
        assert path.exists()
    with pytest.raises(DataError, match="cannot be written"):
        write_label_zarr(tmp_path / "file" / "l.zarr", instances)
    with pytest.raises(ConfigError, match="pixel size"):
        write_label_zarr(tmp_path / "wrong.zarr", instances, pixel_size_um=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder", "l.zarr"]


def test_error_without_zarr_names_the_extra(instances, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtra, match="pip install zarr$"):
        write_label_zarr(tmp_path / "l.zarr", instances)
