"""Making artificial data sets by options: files, messages and errors."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from mrcnn.domains.wafer.commands.artificial import write_artificial
from mrcnn.domains.wafer.commands.artificial_arguments import artificial_parser
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.domains.wafer.synthetic.wafer import STYLES, write_synthetic_wafer
from mrcnn.errors import ConfigError, DataError

SMALL = replace(STYLES["silicon"], length=50.0, tissue_depth=22.0, magnet_depth=24.0)
QUICK = ["--train", "3", "--val", "1", "--test", "1", "--size", "150,190", "--throws", "60", "--workers", "1"]
PASTE = ["--generator", "paste", "--train", "2", "--val", "0", "--test", "0", "--size", "150", "--least-parts", "1"]


@pytest.fixture(scope="module")
def wafer(tmp_path_factory):
    """Paths of a small synthetic wafer's files."""
    return write_synthetic_wafer(tmp_path_factory.mktemp("wafer"), (480, 500), 20, seed=1, style=SMALL, few=3)


def write(labels, out, *options):
    return write_artificial(
        vars(artificial_parser("x").parse_args(["--labels", str(labels), "--out", str(out), *options]))
    )


def test_the_sets_are_made_from_labels_alone(wafer, tmp_path, capsys):
    assert write(wafer["few"], tmp_path, *QUICK) == 0
    assert "train: 3 patches" in capsys.readouterr().out
    assert [len(PatchFolderDataset(tmp_path / name).image_ids) for name in ("train", "val", "test")] == [3, 1, 1]


def test_channels_background_and_the_other_generator(wafer, tmp_path):
    channels = f"grey={wafer['grey']},fluo={wafer['fluo']}"
    assert write(wafer["labels"], tmp_path / "out", *PASTE, "--channels", channels, "--background", "free") == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["train"]
    assert PatchFolderDataset(tmp_path / "out").load_image(0).shape == (150, 150, 2)


def test_both_channels_may_be_in_one_file(wafer, tmp_path):
    """As `predict` takes them: FILE:1 is the second channel of a file."""
    both = tmp_path / "both.tif"
    planes = np.stack([tifffile.imread(wafer[name]) for name in ("grey", "fluo")])
    tifffile.imwrite(both, planes, photometric="minisblack", metadata={"axes": "CYX"})
    assert write(wafer["labels"], tmp_path / "one", *PASTE, "--channels", f"grey={both}:0,fluo={both}:1") == 0
    files = f"grey={wafer['grey']},fluo={wafer['fluo']}"
    assert write(wafer["labels"], tmp_path / "two", *PASTE, "--channels", files) == 0
    one, two = (PatchFolderDataset(tmp_path / name) for name in ("one", "two"))
    assert all((one.load_image(i) == two.load_image(i)).all() for i in range(2))


def test_errors_name_the_option_or_the_file(wafer, tmp_path):
    def error_of(*options, labels=wafer["few"]):
        with pytest.raises((ConfigError, DataError)) as error:
            write(labels, tmp_path / "out", *QUICK, *options)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "--throws has no effect with --generator paste" in error_of("--generator", "paste")
    assert "--least-parts has no effect with --generator throw" in error_of("--least-parts", "1")
    assert "no-such.json" in error_of(labels=tmp_path / "no-such.json")
    assert "no-such.tif" in error_of("--channels", "grey=no-such.tif")
    alone = tmp_path / "alone.json"
    alone.write_text(wafer["few"].read_text().replace("wafer_grey.tif", "elsewhere.tif"))
    assert "elsewhere.tif, which does not exist" in error_of(labels=alone)
    (tmp_path / "elsewhere.tif").write_bytes(wafer["grey"].read_bytes())
    assert "no matching fluorescence image next to it (such as elsewhere_fluo.tif)" in error_of(labels=alone)
    assert "partly outside the image" in error_of("--background", "400,400,700,600")
