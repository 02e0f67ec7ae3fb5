"""Setup for all tests: backend and plotting before anything else is imported, real data, shared fixtures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["MPLBACKEND"] = "Agg"  # tests never open a window, whatever the user's setting
# On a CPU, PRECISION "auto" is float32 in all tests and in the programs that they start, whatever the processor can do:
# TensorFlow's kernels use no bfloat16 instructions, and `mrcnn.hardware` takes that into account.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

import mrcnn  # noqa: E402, F401     # before Keras, to keep TensorFlow's banners out of the test output

# Fixtures in tests/support that are shared by the tests of several subpackages.
pytest_plugins = ("small_models", "bright_blobs", "section_scenes", "three_objects")

# No deadline, because run times vary on a shared machine. In CI the examples are always the same.
settings.register_profile("mrcnn", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("mrcnn")


FAST_ROOMS = {"data", "domains", "evaluate", "formats", "geometry", "images", "layers", "losses", "plot", "results"}
# These files take longest. They come first, so that no process is left with one of them at the end.
LONG_FILES = (
    "test_notebooks.py",
    "nets/test_training_parity.py",
    "nets/test_inference_parity.py",
    "nets/semantic/test_networks.py",
    "legacy/test_scripts.py",
    "samples/test_mitochondria.py",
    "training/test_run.py",
    "nets/test_training_step.py",
    "training/test_resume.py",
    "samples/test_mitochondria_killed.py",
    "samples/test_mitochondria_search.py",
    "model/test_model_fitting.py",
    "model/test_model_subclasses.py",
)


def pytest_collection_modifyitems(items):
    """Mark the tests of `FAST_ROOMS` as `fast` (other tests set the marker themselves); put `LONG_FILES` first."""
    here, places = Path(__file__).parent, {}
    for item in items:
        path = item.path.relative_to(here).as_posix() if item.path.is_relative_to(here) else ""
        if path.partition("/")[0] in FAST_ROOMS:
            item.add_marker(pytest.mark.fast)
        places[item] = LONG_FILES.index(path) if path in LONG_FILES else len(LONG_FILES)
    items.sort(key=places.get)


@pytest.fixture(scope="session")
def real_data():
    """Folder of real images and annotations; the test is skipped if it is not set."""
    folder = os.environ.get("MRCNN_TEST_DATA")
    if not folder:
        pytest.skip(
            "Requires real images: set MRCNN_TEST_DATA to the folder that contains them (docs/installation.md)."
        )
    folder = Path(folder).resolve()
    if not folder.is_dir():
        pytest.fail(f"MRCNN_TEST_DATA is {folder}, which is not a folder.")
    return folder


@pytest.fixture(scope="session")
def parity(real_data):
    """Folder of reference numbers from Matterport's code, inside or next to the folder of real data."""
    for folder in (real_data / "parity", real_data.parent / "parity"):
        if folder.is_dir():
            return folder
    pytest.skip(f"Requires reference numbers: a folder 'parity' inside or next to {real_data} (docs/installation.md).")


@pytest.fixture
def cases(parity):
    """Callable (function): list of (inputs, outputs) from `fn_<function>.npz`, dicts by bare array name."""

    import numpy as np

    def read(function):
        with np.load(parity / f"fn_{function}.npz", allow_pickle=False) as file:
            found = [({}, {}) for _ in range(int(file["cases"]))]
            for key in file.files:
                kind, _, name = key.partition("_")
                name, _, case = name.rpartition("_")
                if kind in ("input", "output") and case.isdigit():
                    found[int(case)][kind == "output"][name] = file[key]
        assert found
        return found

    return read


@pytest.fixture(scope="module")
def quick_compiles():
    """Disable JAX's optimizations, which take many seconds for a tiny network. Other test modules are not affected."""
    import keras

    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="session")
def gradients_of():
    """Callable (function, *arrays): gradients of the function with respect to each array, zeros if unconnected."""
    import keras
    import numpy as np

    def by_tensorflow(function, *arrays):
        import tensorflow as tf

        arrays = [tf.convert_to_tensor(a) for a in arrays]
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            value = function(*arrays)
        found = tape.gradient(value, arrays, unconnected_gradients="zero")
        return [np.asarray(tf.convert_to_tensor(g)) for g in found]

    def by_jax(function, *arrays):
        import jax

        found = jax.grad(function, argnums=tuple(range(len(arrays))))(*map(jax.numpy.asarray, arrays))
        return [np.asarray(g) for g in found]

    return by_tensorflow if keras.backend.backend() == "tensorflow" else by_jax


@pytest.fixture(scope="module")
def tiny(quick_compiles):
    """The module nets/tiny.py with a network small enough to train in a test."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).parent / "nets" / "tiny.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def jitted():
    """Callable: with JAX, compiles a function as a whole; with other backends, returns the function unchanged."""
    import keras

    if keras.backend.backend() != "jax":
        return lambda function: function
    import jax

    return jax.jit


@pytest.fixture(scope="session")
def reference_config():
    """Callable (training=False, **changes): the settings of the reference network."""
    from mrcnn.config import Config

    network = {
        "NAME": "reference",
        "BACKBONE": "resnet50",
        "NUM_CLASSES": 3,
        "IMAGE_MIN_DIM": 256,
        "IMAGE_MAX_DIM": 256,
        "RPN_ANCHOR_SCALES": (16, 32, 64, 128, 256),
        "POST_NMS_ROIS_INFERENCE": 200,
        "DETECTION_MIN_CONFIDENCE": 0.5,
        "IMAGES_PER_GPU": 1,
        "PRECISION": "float32",
    }
    of_training = {
        "IMAGES_PER_GPU": 2,
        "USE_RPN_ROIS": False,
        "MAX_GT_INSTANCES": 8,
        "RPN_TRAIN_ANCHORS_PER_IMAGE": 64,
        "TRAIN_ROIS_PER_IMAGE": 32,
        "POST_NMS_ROIS_TRAINING": 24,
    }
    return lambda training=False, **changes: Config(**{**network, **(of_training if training else {}), **changes})


@pytest.fixture(scope="session")
def reference_weights(parity, tmp_path_factory):
    """Callable (backbone): path of a legacy `.h5` file with 3 classes and 3 channels.

    It is written by the generator of the reference network.
    """
    folder, made = tmp_path_factory.mktemp("weights"), {}

    def path_of(backbone):
        if backbone not in made:
            made[backbone] = folder / f"{backbone}.h5"
            command = [sys.executable, str(parity / "gen_weights.py"), "--backbone", backbone, "--out"]
            subprocess.run([*command, str(made[backbone])], check=True, capture_output=True)
        return made[backbone]

    yield path_of
    for path in made.values():
        path.unlink()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A copy of the files the notebooks need, shared so the third notebook of a series finds the run of the second."""
    folder, root = tmp_path_factory.mktemp("repository"), Path(__file__).resolve().parents[1]
    for name in ("notebooks", "samples"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return folder
