"""Prediction on a whole wafer from files to files: results, channels, resuming and errors."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.commands.settings import OPTIONS_FILE
from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.commands import predict as wafer
from mrcnn.domains.wafer.commands.arguments import predict_wafer_parser
from mrcnn.domains.wafer.commands.predict import check_channels, check_fit, open_stack, predict_wafer, trained_order
from mrcnn.domains.wafer.evaluate.sections import evaluate_sections
from mrcnn.domains.wafer.labels.read import read_labels
from mrcnn.domains.wafer.sections.sections import known_sections, pair_sections
from mrcnn.errors import ConfigError, DataError, MissingExtra, WeightsError
from mrcnn.inference.find_scale import FoundScale
from mrcnn.options.arguments import run

sys.path.insert(0, str(Path(__file__).parent))
import wafer_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder with grey.tif, fluo.tif, labels.json and a weight file."""
    folder = tmp_path_factory.mktemp("wafer") / "data"
    wafer_scene.write_wafer(folder)
    (folder / "weights.h5").write_bytes(b"")
    return folder


@pytest.fixture
def options(folder, tmp_path):
    """Callable (*more arguments) -> options, as from the command line."""

    def make(*more, channels=None):
        channels = channels or f"grey={folder / 'grey.tif'},fluo={folder / 'fluo.tif'}"
        return vars(
            predict_wafer_parser("x").parse_args(
                [
                    "--weights",
                    str(folder / "weights.h5"),
                    "--channels",
                    channels,
                    "--out",
                    str(tmp_path / "out"),
                    "--tile",
                    str(wafer_scene.TILE),
                    "--overlap",
                    "64",
                    *more,
                ]
            )
        )

    return make


@pytest.fixture
def detector(monkeypatch):
    detector = wafer_scene.GreySaysWhat()
    monkeypatch.setattr(wafer, "load_detector", lambda domain, options: detector)
    return detector


def test_every_section_is_in_every_file(options, detector, tmp_path, capsys):
    pytest.importorskip("zarr", exc_type=ModuleNotFoundError)
    code = predict_wafer(wafer_scene.DOMAIN, options("--scale", "3", "--pixel-size-um", "0.5"))
    assert code == 0
    assert "15 sections with tissue and magnetic part; without a partner: 0 tissue" in capsys.readouterr().out
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {
        "sections.csv",
        "sections.json",
        "sections_labelme.json",
        "tiles",
        "sections_overlay.png",
        "sections_labels.ome.zarr",
        "written_by_mrcnn.json",
    }
    table = pd.read_csv(out / "sections.csv")
    truth = wafer_scene.wafer_labels()
    assert table["section_id"].tolist() == list(range(1, 16))
    for row, section in zip(table.itertuples(), truth.sections, strict=True):
        assert (row.tissue_y_px, row.tissue_x_px) == pytest.approx(tuple(section.tissue.mean(axis=0)), abs=0.51)
        assert (row.magnet_y_full_px, row.magnet_x_um) == pytest.approx(
            (3 * section.magnet[:, 0].mean(), 0.5 * section.magnet[:, 1].mean()), abs=1.6
        )
        assert row.tissue_angle_deg == row.magnet_angle_deg == pytest.approx(90)
        assert row.tissue_score == pytest.approx(0.95)
    content = json.loads((out / "sections.json").read_text())
    assert content["about"]["channels"] == ["grey", "fluo"] and content["counts"]["paired"] == 15


def test_labelme_file_is_read_back_as_labels(options, detector, tmp_path):
    predict_wafer(wafer_scene.DOMAIN, options("--no-zarr"))
    labels = read_labels(tmp_path / "out" / "sections_labelme.json")
    truth = wafer_scene.wafer_labels()
    report = evaluate_sections(
        truth.instances(),
        known_sections([s.tissue for s in truth.sections], [s.magnet for s in truth.sections]),
        labels.instances(),
        pair_sections(labels.instances()),
    )
    assert labels.image_shape == wafer_scene.SHAPE and [s.number for s in labels.sections] == list(range(1, 16))
    assert report["once"] == 15 and report["centre_error_px"]["all"]["p95"] < 1
    assert not (tmp_path / "out" / "sections_labels.ome.zarr").exists()


def test_the_order_of_files_may_differ_from_the_order_of_channels(options, detector, folder):
    swapped = f"fluo={folder / 'fluo.tif'},grey={folder / 'grey.tif'}"
    assert open_stack(options(channels=swapped)).names == ("grey", "fluo")
    assert open_stack(options("--order", "fluo,grey")).names == ("fluo", "grey")
    assert open_stack(options("--order", "grey,edges,fluo")).names == ("grey", "edges", "fluo")
    assert open_stack(options(channels=f"depth={folder / 'grey.tif'}")).names == ("depth",)


def test_the_channel_order_is_taken_from_the_training_run(options, tmp_path, folder):
    weights = tmp_path / "run" / "weights.h5"
    weights.parent.mkdir()
    weights.write_bytes(b"")
    given = {**options(), "weights": str(weights)}
    record = weights.with_name(OPTIONS_FILE)
    for text, order in (
        ("{}", None),
        ("no json", None),
        ("[1]", None),
        ('{"dataset_option": [["channels", "grey, grey,fluo"]]}', ("grey", "grey", "fluo")),
    ):
        record.write_text(text)
        assert trained_order(weights) == order
    assert open_stack(given).names == ("grey", "grey", "fluo")
    with pytest.raises(WeightsError):
        open_stack({**given, "weights": str(tmp_path / "nothing.h5")})


@pytest.mark.parametrize(("order", "said"), [("grey,mag,fluo", "no file for mag"), ("grey", "a file for fluo")])
def test_channels_and_files_that_do_not_match(options, order, said):
    with pytest.raises(ConfigError, match=said):
        open_stack(options("--order", order))


def test_a_model_with_other_channels_or_that_downscales_tiles_is_rejected():
    stack = ChannelStack.from_arrays({"grey": np.zeros((200, 200), np.uint8)}, ("grey", "grey", "grey"))
    config = wafer_scene.WaferConfig()
    with pytest.raises(ConfigError, match="expects 2 channels, but there are 3"):
        check_channels(config, stack)
    config.IMAGE_CHANNEL_COUNT = 3
    check_channels(config, stack)
    for mode in ("crop", "fit", "pad64"):  # none of which reduces an image
        config.IMAGE_RESIZE_MODE = mode
        check_fit(config, 128)
    config.IMAGE_RESIZE_MODE = "square"
    with pytest.raises(ConfigError, match="--tile 64"):
        check_fit(config, 128)
    check_fit(config, 128, scale=0.5)


def test_images_of_different_sizes(options, detector, folder, tmp_path):
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((100, 100), np.uint8))
    with pytest.raises(DataError, match="small.tif"):
        predict_wafer(wafer_scene.DOMAIN, options(channels=f"grey={folder / 'grey.tif'},fluo={tmp_path / 'small.tif'}"))


def test_an_interrupted_run_can_be_resumed_and_is_not_deleted(options, detector, tmp_path):
    predict_wafer(wafer_scene.DOMAIN, options("--no-zarr"))
    tiles = detector.seen
    assert tiles == len(list((tmp_path / "out" / "tiles").glob("tile_*.npz"))) > 8
    (tmp_path / "out" / "tiles" / "tile_000003.npz").unlink()
    predict_wafer(wafer_scene.DOMAIN, options("--no-zarr", "--resume"))
    assert detector.seen == tiles + 1
    before = {path: path.read_bytes() for path in (tmp_path / "out" / "tiles").iterdir()}
    with pytest.raises(ConfigError, match="the tiles of an earlier run. Continue that run with --resume"):
        predict_wafer(wafer_scene.DOMAIN, options("--no-zarr"))
    assert {path: path.read_bytes() for path in (tmp_path / "out" / "tiles").iterdir()} == before
    assert detector.seen == tiles + 1
    assert len(pd.read_csv(tmp_path / "out" / "sections.csv")) == 15


def test_a_truncated_image_gives_one_message_and_can_be_resumed(options, detector, folder, tmp_path, capsys):
    whole = (folder / "grey.tif").read_bytes()
    broken = tmp_path / "cut.tif"
    broken.write_bytes(whole)
    given = options("--no-zarr", "--batch", "1", channels=f"grey={broken},fluo={folder / 'fluo.tif'}")
    real, calls = detector.predict, []

    def cut_after_some(images, **more):
        calls.append(1)
        if len(calls) == 4:
            broken.write_bytes(whole[: len(whole) // 2])
        return real(images, **more)

    detector.predict = cut_after_some
    code = run(predict_wafer, wafer_scene.DOMAIN, given)
    said = capsys.readouterr().err
    assert code == 2
    assert said.count("error:") == 1 and "cut.tif" in said and "Traceback" not in said
    assert not (tmp_path / "out" / "sections.csv").exists()
    broken.write_bytes(whole)
    assert run(predict_wafer, wafer_scene.DOMAIN, {**given, "resume": True}) == 0
    assert len(pd.read_csv(tmp_path / "out" / "sections.csv")) == 15


def test_dask_rule_and_batch_reach_the_tiling(options, detector, monkeypatch, tmp_path):
    seen = {}

    def tiled(detector, source, tile, overlap, rule, batch, **more):
        seen.update(tile=tile, overlap=overlap, rule=rule, batch=batch, **more)
        return wafer_scene.wafer_labels().instances()

    monkeypatch.setattr(wafer, "detect_tiled", tiled)
    given = options("--no-zarr", "--rule", "merge", "--batch", "3", "--dask", "tcp://host:1", "--pixel-size-um", "2,1")
    predict_wafer(wafer_scene.DOMAIN, {**given, "overlap": None})
    assert seen.pop("executor").args == ("tcp://host:1",)
    assert seen == {
        "tile": 128,
        "overlap": 32,
        "rule": "merge",
        "batch": 3,
        "resume_dir": tmp_path / "out" / "tiles",
        "pixel_size_nm": (2000.0, 1000.0),
    }


def test_a_message_is_printed_if_nothing_is_found(options, detector, tmp_path, capsys):
    detector.predict = lambda images, **more: [wafer_scene.Instances(image.shape[:2]) for image in images]
    assert predict_wafer(wafer_scene.DOMAIN, options("--no-zarr")) == 0
    assert "No sections were found" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "out" / "sections.csv")) == 0


def test_without_zarr_it_stops_before_the_detection(options, detector, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtra, match="zarr"):
        predict_wafer(wafer_scene.DOMAIN, options())
    assert detector.seen == 0


def test_what_a_killed_run_was_writing_is_removed(options, detector, tmp_path):
    (tmp_path / "out" / ".writing-0123456789abcdef" / "0").mkdir(parents=True)
    predict_wafer(wafer_scene.DOMAIN, options("--no-zarr"))
    assert not list((tmp_path / "out").glob(".writing-*"))


def test_labels_that_were_proofread_are_not_replaced(options, detector, tmp_path, capsys):
    assert predict_wafer(None, options()) == predict_wafer(None, options("--resume")) == 0
    proofread = tmp_path / "out" / "sections_labelme.json"
    proofread.write_text(proofread.read_text() + " ")
    seen = detector.seen
    with pytest.raises(ConfigError, match=r"sections_labelme\.json: is there.*changed since.*--overwrite"):
        predict_wafer(None, options("--resume"))
    assert detector.seen == seen
    assert proofread.read_text().endswith(" ")
    assert predict_wafer(None, options("--resume", "--overwrite")) == 0
    assert not proofread.read_text().endswith(" ")


def test_a_resumed_run_continues_at_the_scale_that_was_found(options, detector, monkeypatch, tmp_path):
    """A scale that differs in its last digit would make all tiles those of another run."""
    searches, tiles = [], tmp_path / "out" / "tiles"

    def find_scale(detector, source):
        searches.append(0.5 + 1e-9 * len(searches))
        return FoundScale(searches[-1], "there they fit")

    monkeypatch.setattr(wafer, "find_scale", find_scale)
    monkeypatch.setattr(wafer, "check_object_size", lambda choice, config: None)
    given = options("--object-size", "auto")
    stack = open_stack(given)
    scales = [
        wafer.at_learnt_scale(detector, stack, {**given, "resume": resume}, tiles)["network_scale"]
        for resume in (False, True, True, False)
    ]
    assert scales == [searches[0]] * 3 + [searches[1]] and len(searches) == 2
    detector.config.DETECTION_MIN_CONFIDENCE = 0.123
    assert wafer.at_learnt_scale(detector, stack, {**given, "resume": True}, tiles)["network_scale"] == searches[2]
