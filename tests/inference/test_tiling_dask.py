"""The same tiles on a cluster of processes, one of which is killed during the run."""

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

distributed = pytest.importorskip(
    "distributed", reason="Needs dask: pip install '.[dask]'.", exc_type=ModuleNotFoundError
)

import tiling_fakes  # noqa: E402

from mrcnn.errors import ConfigError, DataError, MrcnnError  # noqa: E402
from mrcnn.inference.tiling import detect_tiled  # noqa: E402
from mrcnn.inference.tiling_dask import on_dask  # noqa: E402

TILES = {"tile": 100, "overlap": 40, "progress": False}
TRUTH = tiling_fakes.squares((460, 460), 150, 40, seed=2)


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster


def notes(folder, what):
    """Process -> number of times."""
    return {int(p.name.rpartition("_")[2]): p.stat().st_size for p in Path(folder).glob(f"{what}_*")}


def test_a_worker_killed_in_the_middle_loses_nothing(cluster, tmp_path):
    factory = tiling_fakes.Factory(tmp_path)
    with distributed.Client(cluster) as client:
        found = detect_tiled(factory, tiling_fakes.encoded(TRUTH), **TILES, batch=2, executor=on_dask(client))
        assert client.status == "running"  # a client passed by the user stays open
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(TRUTH) and len(found) > 50
    built, (dead,) = notes(tmp_path, "built"), [int(p.name[5:]) for p in tmp_path.glob("died_*")]
    assert dead in built and len(built) >= 2 and os.getpid() not in built
    # The detector was sent to each working process once, and created there once.
    assert set(built.values()) == {1}
    assert {pid: count for pid, count in notes(tmp_path, "arrived").items() if pid in built} == dict.fromkeys(built, 1)


def test_a_scheduler_by_its_address_with_a_read_error_keeps_finished_tiles(cluster, tmp_path):
    source = tiling_fakes.Broken(tiling_fakes.encoded(TRUTH), 300, tmp_path)
    address, folder = cluster.scheduler_address, tmp_path / "tiles"
    with pytest.raises(DataError, match=r"wafer\.tif: cannot be read in rows .* tiles are kept in"):
        detect_tiled(tiling_fakes.Exact(), source, **TILES, executor=on_dask(address), resume_dir=folder)
    kept = len(list(folder.glob("tile_*.npz")))
    assert kept >= 1
    (tmp_path / "mended").touch()
    found = detect_tiled(tiling_fakes.Exact(), source, **TILES, executor=on_dask(address), resume_dir=folder)
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(TRUTH)


def test_only_tiles_that_changed_or_are_missing_go_to_the_cluster(cluster, tmp_path, capsys):
    image, folder = tiling_fakes.encoded(TRUTH), tmp_path / "tiles"
    options = {**TILES, "batch": 2, "executor": on_dask(cluster.scheduler_address), "resume_dir": folder}
    detect_tiled(tiling_fakes.Exact(), image, **options)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("tile_*.npz")}
    image[0, 0] = 99  # only in the first tile
    (folder / "tile_000005.npz").unlink()
    found = detect_tiled(tiling_fakes.Exact(), image, **options)
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("tile_*.npz")}
    assert {name for name in after if after[name] != before[name]} == {"tile_000000.npz", "tile_000005.npz"}
    assert f"so 1 of {len(before) - 1} tiles are computed again" in capsys.readouterr().err
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(detect_tiled(tiling_fakes.Exact(), image, **TILES))
    # Without the cluster the tiles are the same.
    serial = {name: value for name, value in options.items() if name != "executor"}
    detector = tiling_fakes.Exact()
    detect_tiled(detector, image, **serial)
    assert detector.calls == []


def test_workers_that_die_repeatedly_give_one_clear_error(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    factory = tiling_fakes.Factory(tmp_path, deaths=1)
    with pytest.raises(MrcnnError, match="died repeatedly on the same tile.* choose a smaller tile"):
        detect_tiled(factory, tiling_fakes.encoded(TRUTH), **TILES, executor=on_dask(cluster.scheduler_address))


def test_local_starts_processes_and_ends_them():
    before = {p.pid for p in multiprocessing.active_children()}
    truth = tiling_fakes.squares((150, 150), 20, 40)
    found = detect_tiled(tiling_fakes.Exact, tiling_fakes.encoded(truth), **TILES, executor=on_dask("local:1"))
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(truth)
    # Workers are asked to stop when the cluster is closed, but this may take a moment.
    deadline = time.monotonic() + 120
    while left := {p.pid for p in multiprocessing.active_children()} - before:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


@pytest.mark.parametrize("text", ["local:0", "local:x", "somewhere"])
def test_invalid_clusters(text):
    with pytest.raises(ConfigError, match="dask must be"):
        detect_tiled(tiling_fakes.Exact(), np.zeros((100, 100, 2), np.uint8), **TILES, executor=on_dask(text))


def test_no_scheduler_at_the_address():
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "300ms"}):
        with pytest.raises(ConfigError, match="No Dask scheduler answers at tcp://127.0.0.1:9"):
            detect_tiled(
                tiling_fakes.Exact(), np.zeros((100, 100, 2), np.uint8), **TILES, executor=on_dask("tcp://127.0.0.1:9")
            )
