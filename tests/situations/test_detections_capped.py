"""Settings that limit the number of objects say so when they are reached, in every interface and for every image."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from large_images import Blobs, called

from mrcnn.errors import LimitReached
from mrcnn.geometry.instances import Instances, joined_limits
from mrcnn.inference.ceilings import limits_reached, matters, warn_of_limits

CAP = "DETECTION_MAX_INSTANCES"


class Capped(Blobs):
    """Finds no more than DETECTION_MAX_INSTANCES objects."""

    def _found(self, image, tile):
        found, most = super()._found(image, tile), self.config.DETECTION_MAX_INSTANCES
        if len(found) >= most:
            found = found.select(np.argsort(-found.scores)[:most])
            found.limit_reached = CAP
        return found


def many(shape=(60, 60), step=12):
    image = np.zeros(shape, np.uint8)
    for y in range(2, shape[0] - 6, step):
        for x in range(2, shape[1] - 6, step):
            image[y : y + 6, x : x + 6] = 200
    return image


def predict(tmp_path, *options, most=20, **changes):
    detector = Capped(TRAINED_SCALE=1.0, DETECTION_MAX_INSTANCES=most, **changes)
    assert called(detector, "--out", tmp_path / "out", *options, tmp_path / "in") == 0
    return pd.read_csv(tmp_path / "out" / "summary.csv", keep_default_na=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "few.tif", many(step=30))
    tifffile.imwrite(tmp_path / "in" / "many.tif", many())
    return tmp_path / "in"


def test_whole_images(folder, tmp_path, capsys):
    table = predict(tmp_path)
    assert table[["image", "count", "limit_reached"]].values.tolist() == [["few.tif", 4, ""], ["many.tif", 20, CAP]]
    said = capsys.readouterr().out
    assert f"many.tif: {CAP} = 20 was reached, so there may be more objects" in said and "few.tif" not in said
    assert f"--set {CAP}=40" in said
    table = predict(tmp_path, most=40)
    assert table["count"].tolist() == [4, 25] and not any(table["limit_reached"])
    assert CAP not in capsys.readouterr().out


def test_prepared_images(folder, tmp_path):
    assert predict(tmp_path, "--downscale", "2", most=10)["limit_reached"].tolist() == ["", CAP]


@pytest.mark.parametrize("options", [(), ("--object-size", "auto"), ("--part-size", "1")])
def test_one_of_many_tiles(folder, tmp_path, options, capsys):
    dense = np.zeros((150, 150), np.uint8)
    dense[:60, :60] = many()
    tifffile.imwrite(folder / "large.tif", dense)
    table = predict(tmp_path, *options, TRAINED_OBJECT_PX=[6, 7, 8]).set_index("image")
    assert table.loc["large.tif", "limit_reached"] == CAP and table.loc["few.tif", "limit_reached"] == ""
    assert "large.tif: " in capsys.readouterr().out


def test_tiles_that_a_killed_run_kept(folder, tmp_path):
    dense = np.zeros((150, 150), np.uint8)
    dense[:60, :60] = many()
    tifffile.imwrite(folder / "large.tif", dense)
    stopped = Capped(TRAINED_SCALE=1.0, DETECTION_MAX_INSTANCES=20)
    stopped.stop_after = 4
    assert called(stopped, "--out", tmp_path / "out", folder / "large.tif") == 130
    again = Capped(TRAINED_SCALE=1.0, DETECTION_MAX_INSTANCES=20)
    assert called(again, "--out", tmp_path / "out", "--resume", folder / "large.tif") == 0
    assert len(again.seen) < 9
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["limit_reached"].tolist() == [CAP]


def test_pages_of_a_stack(folder, tmp_path, capsys):
    tifffile.imwrite(folder / "stack.tif", np.stack([many(step=30), many()]), photometric="minisblack")
    table = predict(tmp_path)
    assert table[table["image"] == "stack.tif"]["limit_reached"].tolist() == ["", CAP]
    assert "stack.tif[1]: " in capsys.readouterr().out


def test_of_many_images_only_some_are_named(folder, tmp_path, capsys):
    for i in range(12):
        tifffile.imwrite(folder / f"m{i:02}.tif", many())
    predict(tmp_path)
    said = capsys.readouterr().out
    assert said.count(" was reached, so") == 10 and "in 3 more images: see the column limit_reached" in said


# --- Which limits matter ---
@pytest.mark.parametrize(
    ("kept", "last", "expected"),
    [
        (3, (0, 0), None),
        (4, (0, 0), CAP),
        (2, (0.69, 0.5), None),
        (2, (0.8, 0), "PRE_NMS_LIMIT"),
        (2, (0.1, 0.7), "POST_NMS_ROIS_INFERENCE"),
        (4, (1, 1), f"{CAP};PRE_NMS_LIMIT;POST_NMS_ROIS_INFERENCE"),
    ],
)
def test_limits_of_a_network(kept, last, expected):
    detections = np.zeros((2, 4, 6))
    detections[0, :kept, 4] = 1
    config = Blobs(DETECTION_MAX_INSTANCES=4).config
    assert limits_reached(detections, np.array([last, (0, 0)]), config) == [expected, None]
    assert limits_reached(detections, None, config) == [CAP if kept == 4 else None, None]


def found(scores=(0.9, 0.6), limit=CAP):
    masks = np.zeros((20, 20, 2), bool)
    masks[2:6, 2:6, 0] = masks[10:16, 10:16, 1] = True
    one = Instances.from_masks(masks, scores=scores)
    one.limit_reached = limit
    return one


def test_objects_keep_it():
    one = found()
    others = [one.select([0]), one.as_boxes(), one.moved((1, 1), (30, 30)), one.resized(2), one.flipped(0)]
    assert {other.limit_reached for other in others} == {CAP} and one == found(limit=None)
    assert joined_limits([None, "A;B", "B", None, "C"]) == "A;B;C" and joined_limits([None, None]) is None


def test_the_best_are_kept_so_lower_scores_show_that_none_is_missing():
    assert matters(found(), 0.5) and not matters(found(), 0.7) and not matters(found(limit=None), 0)
    assert matters(found(limit="PRE_NMS_LIMIT"), 0.7)


def test_in_python_it_is_one_warning_for_each_call():
    config = Blobs(DETECTION_MAX_INSTANCES=2).config
    with pytest.warns(LimitReached, match="In 2 of 3 images, DETECTION_MAX_INSTANCES = 2 was reached") as said:
        warn_of_limits([found(), found(limit=None), found()], config)
    assert len(said) == 1 and said[0].filename == __file__
