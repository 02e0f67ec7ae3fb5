"""Evaluation on a whole wafer, with one tiling rule and with all, and on folders of patches."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.commands import evaluate as wafer_evaluation
from mrcnn.domains.wafer.commands.arguments import RULES, evaluate_wafer_parser
from mrcnn.domains.wafer.commands.evaluate import evaluate_wafer
from mrcnn.domains.wafer.patches.cut import write_patches
from mrcnn.errors import ConfigError, DataError

sys.path.insert(0, str(Path(__file__).parent))
import wafer_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wafer") / "data"
    labels = wafer_scene.write_wafer(folder)
    (folder / "weights.h5").write_bytes(b"")
    stack = ChannelStack(("grey", "fluo"), {name: folder / f"{name}.tif" for name in ("grey", "fluo")})
    write_patches(folder / "patches", stack, labels, [(0, 0, 128, 192), (100, 100, 228, 292)], progress=False)
    return folder


@pytest.fixture
def evaluated(folder, tmp_path, monkeypatch):
    """Callable (*arguments) -> (exit code, metrics, detector)."""
    detector = wafer_scene.GreySaysWhat()
    monkeypatch.setattr(wafer_evaluation, "load_detector", lambda domain, options: detector)

    def call(*more):
        out = tmp_path / "out"
        options = evaluate_wafer_parser("x").parse_args(
            ["--weights", str(folder / "weights.h5"), "--out", str(out), "--tile", "128", *more]
        )
        code = evaluate_wafer(wafer_scene.DOMAIN, vars(options))
        return code, json.loads((out / "metrics.json").read_text()), detector

    return call


@pytest.fixture
def images(folder):
    return ["--channels", f"grey={folder / 'grey.tif'},fluo={folder / 'fluo.tif'}"]


def test_a_whole_wafer(evaluated, images, folder, tmp_path, capsys):
    code, metrics, _ = evaluated(*images, "--labels", str(folder / "labels.json"), "--overlap", "64")
    assert code == 0
    assert (metrics["sections_true"], metrics["once"], metrics["pairing"]["accuracy"]) == (15, 15, 1.0)
    assert metrics["angle_error_deg"]["all"]["p95"] < 1e-3 and metrics["coco_ap"]["AP"] == 1
    assert metrics["by_tile"]["rows"] * metrics["by_tile"]["columns"] == metrics["tiles"] == 35
    assert sum(metrics["by_tile"]["overlap"][name]["sections"] for name in ("1 tile", "2 tiles", "more tiles")) == 15
    assert "15 ground-truth sections: 15 found once (100.0 %)" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "out" / "sections.csv")) == 15


def test_sections_labelled_twice_are_named_and_count_once(evaluated, images, folder, capsys):
    content = json.loads((folder / "labels.json").read_text())
    again = [{**shape, "label": shape["label"].replace("-1", "-99")} for shape in content["shapes"]]
    content["shapes"] += [shape for shape in again if shape["label"] in ("tissue-99", "magnet-99")]
    path = folder / "twins.json"
    path.write_text(json.dumps(content))
    _, metrics, _ = evaluated(*images, "--labels", str(path), "--overlap", "64")
    assert (metrics["sections_true"], metrics["once"], metrics["labelled_twice"]) == (15, 15, 1)
    assert "1 sections are labelled twice (1 and 99): each counts once" in capsys.readouterr().err


def test_all_rules_share_tiles_where_they_can_and_the_corner_rule_has_gaps(evaluated, images, folder, tmp_path):
    code, metrics, detector = evaluated(
        *images, "--labels", str(folder), "--overlap", "32", "--rule", "all", "--worst", "2"
    )
    assert code == 0
    reports = metrics["rules"]
    assert set(reports) == set(RULES)
    assert reports["corner"]["missed"] > 0 and reports["corner"]["tiles"] < reports["merge"]["tiles"]
    assert detector.seen == reports["centre"]["tiles"] + reports["corner"]["tiles"]
    repeated = (*images, "--labels", str(folder), "--overlap", "32", "--rule", "all", "--worst", "0")
    with pytest.raises(ConfigError, match="Continue that run with --resume"):
        evaluated(*repeated)
    _, _, again = evaluated(*repeated, "--resume")
    assert again is detector and detector.seen == reports["centre"]["tiles"] + reports["corner"]["tiles"]
    out = tmp_path / "out"
    assert {"centre", "merge", "corner", "tiles", "tiles_corner", "metrics.json"} == {p.name for p in out.iterdir()}
    first = reports["corner"]["errors"][0]
    assert (out / "corner" / f"error_1_section_{first['section_id']}_{first['state']}.png").is_file()
    assert len(list((out / "corner").glob("error_*.png"))) == 2
    assert (out / "centre" / "sections_overlay.png").is_file()


def test_patches(evaluated, folder, tmp_path, capsys):
    code, metrics, _ = evaluated("--dataset", str(folder / "patches"), "--worst", "1")
    assert code == 0
    assert metrics["images"] == 2 and metrics["objects_true"] > 8
    assert metrics["map_50_boxes"] == metrics["mean_recall_50_boxes"] == metrics["coco_ap"]["AP"] == 1
    assert "mAP of boxes at 0.50" in capsys.readouterr().out
    assert len(list((tmp_path / "out").glob("worst_1_*.png"))) == 2


def test_patches_in_the_models_order_of_channels(evaluated, folder):
    _, metrics, _ = evaluated("--dataset", str(folder / "patches"), "--order", "fluo,grey")
    assert metrics["objects_predicted"] < metrics["objects_true"]


def test_a_patch_that_cannot_be_read_is_named(evaluated, folder, tmp_path, capsys):
    import shutil

    shutil.copytree(folder / "patches", tmp_path / "patches")
    image = next((tmp_path / "patches").glob("*/images/*_fluo.tif"))
    image.write_bytes(image.read_bytes()[:60])
    code, metrics, _ = evaluated("--dataset", str(tmp_path / "patches"))
    assert code == 1 and metrics["images"] == 1
    assert image.parents[1].name in capsys.readouterr().err


def test_options_that_cannot_be_combined(evaluated, images, folder):
    with pytest.raises(ConfigError, match="--channels alone"):
        evaluated(*images)
    with pytest.raises(ConfigError, match="--labels alone"):
        evaluated("--labels", str(folder))
    with pytest.raises(ConfigError, match="in two separate runs"):
        evaluated("--dataset", str(folder / "patches"), "--labels", str(folder))


def test_labels_outside_the_wafer(evaluated, images, tmp_path):
    for name, kind in (("tissue", 0), ("magnet", 22)):
        y = 600 + kind
        (tmp_path / f"{name}.txt").write_text(f"900,{y}\t940,{y}\t940,{y + 20}\t900,{y + 20}\t\r\n")
    with pytest.raises(DataError, match="outside"):
        evaluated(*images, "--labels", str(tmp_path / "tissue.txt"), "--labels-scale", "1")
