"""What all tests share: backend and plotting set up before anything is imported, and the folders of real data."""
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"     # a test never opens a window, whatever the user's own setting

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# Times vary on a shared machine, so no deadline; in CI the examples are the same ones every time.
settings.register_profile("mrcnn", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("mrcnn")


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
