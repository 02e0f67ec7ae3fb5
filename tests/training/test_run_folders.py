"""Folders of runs: the last one, a new one, and the run that may be resumed."""

import re

import pytest

from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.training.run_folders import check_folder, is_ahead, last_resumable, new_folder, run_folders, run_name, run_of


def made(folder, *files):
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).touch()
    return folder


def test_name():
    assert run_name(Config(NAME="Cells")) == "cells" and run_name(Config()) == "model"


@pytest.mark.parametrize(
    "name, problem",
    [
        ("cells/v2", "contains '/'"),
        ("..\\cells", "contains"),
        ("../../cells", "contains '/'"),
        ("cells\0", "contains"),
        ("c" * 5000, "is 5000 bytes long, more than 200"),
        ("C:cells", "begins like a drive of Windows"),
    ],
)
def test_a_name_that_cannot_begin_a_folder_is_refused(tmp_path, name, problem):
    folder = new_folder(tmp_path, name)  # does not fail, as a model for detection has such a folder too
    with pytest.raises(ConfigError, match="NAME begins the name of the run's folder") as caught:
        check_folder(folder, tmp_path, name)
    assert problem in str(caught.value) and len(str(caught.value)) < 300


def test_folders_that_users_name_and_those_that_exist_are_not_checked(tmp_path):
    check_folder(tmp_path / "elsewhere" / "run", tmp_path / "logs", "cells/v2")
    old = tmp_path / "cells" / "v220200101T0000"
    old.mkdir(parents=True)
    check_folder(old, tmp_path, "cells/v2")
    check_folder(new_folder(tmp_path, "Zellen, Gruppe 2"), tmp_path, "Zellen, Gruppe 2")


def test_new_folders_never_exist(tmp_path):
    folders = []
    for _ in range(3):
        folders.append(new_folder(tmp_path, "cells"))
        folders[-1].mkdir()
    assert len(set(folders)) == 3
    assert all(re.fullmatch(r"cells\d{8}T\d{4}(_\d)?", f.name) for f in folders)
    assert run_folders(tmp_path, "cells") == folders


def test_folders_in_their_order_and_of_their_name_only(tmp_path):
    names = ["cells20240101T1200", "cells20240101T1200_2", "cells20240101T1200_10", "cells20240101T1201"]
    for name in [*reversed(names), "cells2", "cells_heads20250101T1200", "mycells20250101T1200"]:
        made(tmp_path / name)
    (tmp_path / "cells20260101T1200").touch()
    assert [f.name for f in run_folders(tmp_path, "cells")] == names
    assert run_folders(tmp_path / "none", "cells") == []


def test_names_are_not_patterns(tmp_path):
    made(tmp_path / "a[b]20240101T1200"), made(tmp_path / "ab20240101T1300")
    assert [f.name for f in run_folders(tmp_path, "a[b]")] == ["a[b]20240101T1200"]


@pytest.mark.parametrize(
    "path, folder, epoch",
    [
        ("cells20240101T1200/mask_rcnn_cells_0012.h5", "cells20240101T1200", 12),
        ("cells20240101T1200_2/mask_rcnn_cells_0007.h5", "cells20240101T1200_2", 7),
        ("cells20240101T1200/other.h5", "cells20240101T1200", 0),
        ("downloads/mask_rcnn_coco_0012.h5", None, 0),
        ("mask_rcnn_coco.h5", None, 0),
    ],
)
def test_run_of_a_file(path, folder, epoch, tmp_path):
    assert run_of(tmp_path / path) == (folder and tmp_path / folder, epoch)


def test_the_last_run_is_resumed_and_not_one_before_it(tmp_path):
    assert last_resumable(tmp_path, "cells") is None
    old = made(tmp_path / "cells20240101T1200", "mask_rcnn_cells_0001.h5", "mask_rcnn_cells_0002.h5", "config.json")
    assert last_resumable(tmp_path, "cells") == old / "mask_rcnn_cells_0002.h5"
    new = made(tmp_path / "cells20240102T1200")
    assert last_resumable(tmp_path, "cells") == old / "mask_rcnn_cells_0002.h5"
    (new / "config.json").touch()  # it began, so resuming the old one would continue a different training
    assert last_resumable(tmp_path, "cells") is None


def test_a_folder_that_is_ahead(tmp_path):
    folder = made(tmp_path / "cells20240101T1200", "mask_rcnn_cells_0002.h5")
    assert is_ahead(folder, 1) and not is_ahead(folder, 2) and not is_ahead(tmp_path / "none", 0)
