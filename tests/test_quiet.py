"""Importing TensorFlow: its banners are dropped, and nothing else is lost, whatever happens."""

import io
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

from mrcnn import quiet

ROOT = Path(__file__).resolve().parents[1]

BANNERS = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1796003235.151929    5343 port.cc:153] oneDNN custom operations are on. You may see slightly different
2026-11-30 01:55:42.539164: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on. You may see slightly
I0000 00:00:1796003235.153024    5343 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
E0000 00:00:1796003239.293107    5343 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
2026-11-30 01:55:42.602392: I cpu_feature_guard.cc:210] This TensorFlow binary is optimized to use available CPU instructions
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate compiler flags.
E external/local_xla/cuda_fft.cc:467] Unable to register cuFFT factory: Attempting to register factory for plugin cuFFT
W0000 00:00:1796003742.598750   12488 computation_placer.cc:177] computation placer already registered. Please check
E0000 00:00:1796004067.005744   22165 util.cc:131] oneDNN supports DT_INT64 only on platforms with AVX-512. Falling back
"""  # noqa: E501

ERRORS = """\
F tensorflow/core/platform/cpu_feature_guard.cc:37] The TensorFlow library was compiled to use AVX2 instructions, but
W tensorflow/core/common_runtime/gpu/gpu_device.cc:2343] Cannot dlopen some GPU libraries. Please make sure the missing
E0000 00:00:1796003239.293107    5343 cuda_dnn.cc:502] Could not create cudnn handle: CUDNN_STATUS_NOT_INITIALIZED
E0000 00:00:1796003239.293107    5343 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
E0000 00:00:1796003239.293107    5343 cuda_dnn.cc:456] Loaded runtime CuDNN library: 8.0.5 but compiled with: 9.3
ImportError: libcudart.so.12: cannot open shared object file: No such file or directory
"""


def lines_of(text):
    return text.encode().splitlines(keepends=True)


@pytest.mark.parametrize("line", lines_of(BANNERS))
def test_banners_are_known(line):
    assert quiet.BANNERS.search(line)


@pytest.mark.parametrize("line", lines_of(ERRORS))
def test_errors_are_not_taken_for_banners(line):
    assert not quiet.BANNERS.search(line)


@given(st.lists(st.one_of(st.binary(), st.sampled_from(lines_of(BANNERS)), st.sampled_from(lines_of(ERRORS)))))
def test_every_other_byte_is_passed_on_in_its_order(pieces):
    written, target = b"".join(pieces), io.BytesIO()
    quiet.pass_on(io.BytesIO(written), target)
    kept = (line for line in io.BytesIO(written) if not quiet.BANNERS.search(line))
    assert target.getvalue() == b"".join(kept)


# --- With a stand-in for TensorFlow, whose import runs the given code ---
def environment(folder, **variables):
    # Jupyter's kernel does not watch the descriptor if it believes that it is being tested.
    inherited = {k: v for k, v in os.environ.items() if k not in ("TF_CPP_MIN_LOG_LEVEL", "PYTEST_CURRENT_TEST")}
    return {**inherited, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), **variables}


@pytest.fixture
def stand_in(tmp_path):
    """Callable that creates a package `tensorflow` with this code."""

    def make(code):
        (tmp_path / "tensorflow").mkdir()
        code = f"import os, sys\nBANNERS, ERRORS = {BANNERS!r}.encode(), {ERRORS!r}.encode()\n{code}"
        (tmp_path / "tensorflow" / "__init__.py").write_text(code, encoding="utf-8")
        return tmp_path

    return make


def run(folder, code, *options, **variables):
    return subprocess.run(
        [sys.executable, *options, "-c", code], env=environment(folder, **variables), capture_output=True, text=True
    )


WRITE = "os.write(2, BANNERS + ERRORS); print('of Python', file=sys.stderr); os.write(2, BANNERS + b'no end of line')"
KEPT = f"{ERRORS}of Python\nno end of line"


def test_what_an_import_writes_arrives_without_banners(stand_in):
    code = "import mrcnn, os, tensorflow; os.write(2, tensorflow.BANNERS); print(tensorflow.__spec__.loader)"
    done = run(stand_in(WRITE), code)
    assert done.stderr == KEPT + BANNERS  # output after the import is not filtered
    assert "SourceFileLoader" in done.stdout


def test_asking_whether_there_is_tensorflow_changes_nothing(stand_in):
    code = "import importlib.util, mrcnn; assert importlib.util.find_spec('tensorflow').origin; import tensorflow"
    assert run(stand_in(WRITE), code).stderr == KEPT


def test_a_level_of_zero_shows_all(stand_in):
    done = run(stand_in(WRITE), "import mrcnn, tensorflow", TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr == f"{BANNERS}{ERRORS}of Python\n{BANNERS}no end of line"


def test_a_failing_import_keeps_its_traceback(stand_in):
    done = run(stand_in(f"{WRITE}\nraise ImportError('no such library')"), "import mrcnn, tensorflow")
    assert done.returncode == 1 and done.stderr.startswith(KEPT + "Traceback")
    assert done.stderr.endswith("ImportError: no such library\n")


@pytest.mark.parametrize("end", ["os.abort()", "os._exit(3)"])
def test_the_last_words_of_a_process_that_dies_arrive(end, stand_in):
    done = run(stand_in(f"{WRITE}\n{end}"), "import mrcnn, tensorflow", "-X", "faulthandler")
    assert done.returncode != 0 and done.stderr.startswith(KEPT)
    assert ("Fatal Python error: Aborted" in done.stderr) == (end == "os.abort()")


def test_more_than_a_pipe_holds(stand_in):
    done = run(stand_in("os.write(2, (BANNERS + ERRORS) * 1000)"), "import mrcnn, tensorflow")
    assert done.stderr == ERRORS * 1000


def test_the_package_imported_anew(stand_in):
    """Two finders that each ask the others where TensorFlow is would recurse forever."""
    again = "import mrcnn, sys; [sys.modules.pop(n) for n in list(sys.modules) if n.startswith('mrcnn')]; import mrcnn"
    done = run(stand_in(WRITE), f"{again}; import tensorflow")
    assert done.returncode == 0 and done.stderr == KEPT


def test_where_no_filter_can_be_started_everything_arrives(stand_in):
    folder = stand_in(WRITE)
    for executable in ("''", "'/no/such/python'", "'/opt/application'"):
        done = run(folder, f"import mrcnn, sys; sys.executable = {executable}; import tensorflow")
        assert done.returncode == 0 and done.stderr == f"{BANNERS}{ERRORS}of Python\n{BANNERS}no end of line"


@pytest.mark.skipif(sys.platform == "win32", reason="The shell of Windows cannot close standard error.")
def test_a_closed_standard_error(stand_in, tmp_path):
    """The first file that is opened gets its descriptor and must not be written to."""
    code = "import mrcnn; file = open('data', 'w'); assert file.fileno() == 2; import tensorflow; file.write('mine')"
    command = f'exec "{sys.executable}" -c "{code}" 2>&-'
    folder = stand_in("")
    subprocess.run(["sh", "-c", command], env=environment(folder), cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    assert (tmp_path / "data").read_text() == "mine"


def test_in_a_notebook(stand_in):
    """Jupyter's kernel shows output to the descriptor in a separate stream."""
    cells = [nbformat.v4.new_code_cell(f"import {imported}") for imported in ("mrcnn, tensorflow", "os")]
    cells[1].source += "; os.write(2, b'after it')"
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=environment(stand_in(WRITE)))
    text = "".join(o.text for cell in cells for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
    # Python's output arrives by a different route, so it may appear anywhere.
    assert [line for line in (*KEPT.splitlines(), "after it") if line not in text] == []
    assert [line for line in BANNERS.splitlines() if line in text] == []


# --- With TensorFlow itself ---
QUIET = """
import sys
import warnings
sys.path.insert(0, sys.argv[1])
import mrcnn.layers.boxes
import numpy as np
import tiny
from mrcnn import MaskRCNN
from mrcnn.errors import LimitReached

warnings.simplefilter("ignore", LimitReached)  # random weights take everything for objects
model = MaskRCNN("inference", tiny.config(), sys.argv[2])
print(len(model.predict([np.zeros((64, 64, 3), np.uint8)])))
"""


BUILD = """
import sys
sys.path.insert(0, sys.argv[1])
import mrcnn
import tiny
from mrcnn import MaskRCNN
from mrcnn.engine.segmenter import SemanticSegmenter

channels = {"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": (0, 0, 0, 0), "PRECISION": "auto", "COMPUTE_BACKBONE_SHAPE": None}
MaskRCNN("training", tiny.config(BACKBONE="mobilenet_v2", **channels), sys.argv[2])
unet = tiny.config(BACKBONE="efficientnet_b0", SEMANTIC_CROP=64, SEMANTIC_DECODER=(8, 8, 8, 8), **channels)
SemanticSegmenter("training", unet, sys.argv[2])
"""


def test_backbones_of_keras_are_built_without_a_word(tmp_path):
    """Keras warns of 4 channels, which its own weights do not fit."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(ROOT / "tests" / "nets"), str(tmp_path)],
        env=environment(tmp_path, KERAS_BACKEND="tensorflow"),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(
    version("tensorflow").startswith("2.19."), reason="2.19 warns about each CropAndResize, at any level."
)
def test_tensorflow_starts_and_detects_without_a_word(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(ROOT / "tests" / "nets"), str(tmp_path)],
        env=environment(tmp_path, KERAS_BACKEND="tensorflow"),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
