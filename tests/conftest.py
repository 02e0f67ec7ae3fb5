"""What all tests share: backend and plotting set up before anything is imported, and the folders of real data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["MPLBACKEND"] = "Agg"  # a test never opens a window, whatever the user's own setting

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

import mrcnn  # noqa: E402, F401     # before Keras, so that TensorFlow's banners are in no test's output

# Fixtures that tests of several rooms share; they lie in tests/support.
pytest_plugins = ("small_models", "bright_blobs", "section_scenes")

# Times vary on a shared machine, so no deadline; in CI the examples are the same ones every time.
settings.register_profile("mrcnn", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("mrcnn")


FAST_ROOMS = {"data", "domains", "evaluate", "formats", "geometry", "images", "layers", "losses", "plot", "results"}


def pytest_collection_modifyitems(items):
    """Mark the tests of these rooms as `fast`; others carry the marker themselves."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in FAST_ROOMS:
            item.add_marker(pytest.mark.fast)


@pytest.fixture(scope="session")
def real_data():
    """Folder of real pictures and annotations; the test is skipped where the user has none."""
    folder = os.environ.get("MRCNN_TEST_DATA")
    if not folder:
        pytest.skip("Needs real pictures: set MRCNN_TEST_DATA to the folder that holds them (docs/installation.md).")
    folder = Path(folder).resolve()
    if not folder.is_dir():
        pytest.fail(f"MRCNN_TEST_DATA is {folder}, which is not a folder.")
    return folder


@pytest.fixture(scope="session")
def parity(real_data):
    """Folder of reference numbers from Matterport's code, inside or beside the folder of real data."""
    for folder in (real_data / "parity", real_data.parent / "parity"):
        if folder.is_dir():
            return folder
    pytest.skip(f"Needs reference numbers: a folder 'parity' inside or beside {real_data} (docs/installation.md).")


@pytest.fixture
def cases(parity):
    """Reads `fn_<function>.npz`: a list of (inputs, outputs), dicts by the bare names of the arrays."""

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
    """Tell JAX not to optimize: it would compile a tiny network for many seconds. Other modules are not affected."""
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
    """Callable (function, *arrays): the function's gradients by each array, zeros where nothing flows."""
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
    """The module of a network small enough to train in a test (nets/tiny.py)."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).parent / "nets" / "tiny.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def jitted():
    """Callable: under JAX a function compiled once instead of operation by operation; elsewhere the function itself."""
    import keras

    if keras.backend.backend() != "jax":
        return lambda function: function
    import jax

    return jax.jit


@pytest.fixture(scope="session")
def reference_config():
    """Callable (training=False, **changes): the settings that the reference network was made with."""
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
    """Callable: path of the legacy `.h5` of a backbone, 3 classes and 3 channels, as the reference network's generator
    makes it.
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
    """A copy of what the notebooks need of the repository, shared so that each third finds the run of the second."""
    folder, root = tmp_path_factory.mktemp("repository"), Path(__file__).resolve().parents[1]
    for name in ("notebooks", "samples"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return folder
