"""Figures are drawn without a display and written to files; errors give the file name."""

import subprocess
import sys
import threading
from pathlib import Path

import imageio.v3 as iio
import pytest

from mrcnn.errors import DataError
from mrcnn.plot.figures import picture_axes, save_figure

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_figure_is_written(tmp_path, suffix):
    path = tmp_path / "deep" / f"picture{suffix}"
    save_figure(picture_axes((30, 60))[0].figure, path)
    assert path.stat().st_size > 500


def test_size_follows_the_image(tmp_path):
    save_figure(picture_axes((300, 600), side=6)[0].figure, tmp_path / "a.png", dpi=50)
    height, width = iio.imread(tmp_path / "a.png").shape[:2]
    assert (height, width) == (170, 300)


def test_unknown_format_and_bad_path_are_clear_errors(tmp_path):
    figure = picture_axes((30, 60))[0].figure
    with pytest.raises(DataError, match="a.xyz: '.xyz' is not a supported image format. Use one of .*png"):
        save_figure(figure, tmp_path / "a.xyz")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="a.png: the figure cannot be written"):
        save_figure(figure, tmp_path / "file" / "a.png")


def test_threads_draw_at_the_same_time(tmp_path):
    threads = [
        threading.Thread(target=lambda i=i: save_figure(picture_axes((50, 50))[0].figure, tmp_path / f"{i}.png"))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(tmp_path / f"{i}.png").read_bytes() for i in range(4)}) == 1


def test_drawing_needs_no_pyplot():
    code = (
        "import mrcnn.plot.instances, mrcnn.plot.curves, mrcnn.plot.inspect, sys\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_figure_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = picture_axes((30, 60))[0].figure
    save_figure(figure, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def full(path, dpi):
        Path(path).write_bytes(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full)
    for name in ("a.png", "b.png"):
        with pytest.raises(DataError, match="No space left on device"):
            save_figure(figure, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"] and (tmp_path / "a.png").read_bytes() == before
