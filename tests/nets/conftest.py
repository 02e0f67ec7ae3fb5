"""Weights of the reference network, made once a session by the generator that comes with the reference numbers."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def reference_weights(parity, tmp_path_factory):
    """Callable: path of the legacy `.h5` of a backbone, 3 classes and 3 channels."""
    folder, made = tmp_path_factory.mktemp("weights"), {}

    def path_of(backbone):
        if backbone not in made:
            made[backbone] = folder / f"{backbone}.h5"
            subprocess.run(
                [sys.executable, str(parity / "gen_weights.py"), "--backbone", backbone, "--out", str(made[backbone])],
                check=True,
                capture_output=True,
            )
        return made[backbone]

    yield path_of
    for path in made.values():
        path.unlink()
