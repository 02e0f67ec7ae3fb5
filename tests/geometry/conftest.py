import numpy as np
import pytest


@pytest.fixture
def cases(parity):
    """Reads `fn_<function>.npz`: a list of (inputs, outputs), dicts by the bare names of the arrays."""

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
