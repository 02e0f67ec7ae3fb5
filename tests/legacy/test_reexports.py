"""Names that Matterport's modules imported are available again, and are loaded only on first use."""

import importlib
import importlib.util
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matterport_names import IMPORTED, MODULES, resolve

from mrcnn.legacy.reexports import available, fetch

ROOT = Path(__file__).resolve().parents[2]


def without(text, *libraries):
    """The output of this code in a new interpreter with Keras on JAX, in which these libraries are not installed."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({libraries}))\n"
    done = subprocess.run(
        [sys.executable, "-c", hidden + text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    return done.stdout


@pytest.mark.parametrize("module", IMPORTED)
def test_what_his_module_had_imported_is_an_attribute(module):
    wrong = []
    for name, source in IMPORTED[module].items():
        try:
            library = pkgutil.resolve_name(source)
        except ModuleNotFoundError:  # an optional library that is not installed
            continue
        found = resolve(module, name)
        if name in ("K", "tf"):
            same = dir(found) == dir(library) and found.__name__ == library.__name__
            part = "float32" if name == "tf" else "epsilon"
            same = same and getattr(found, part) is getattr(library, part)
        else:
            same = found is library
        wrong += [] if same else [name]
    assert wrong == []


@pytest.mark.parametrize(("name", "gone"), [("K", "function"), ("K", "get_session"), ("tf", "Session")])
def test_what_went_with_tensorflow_1_names_its_replacement(name, gone):
    from mrcnn import model

    pytest.importorskip("tensorflow" if name == "tf" else "keras", exc_type=ModuleNotFoundError)
    with pytest.raises(AttributeError, match=f"{gone}.*MaskRCNN.run_graph computes the values"):
        getattr(getattr(model, name), gone)


@pytest.mark.parametrize("module", IMPORTED)
def test_star_import_gives_what_his_gave(module):
    scope = {}
    exec(f"from mrcnn.{module} import *", scope)
    wanted = {
        name
        for name, source in IMPORTED[module].items()
        if importlib.util.find_spec(source.partition(":")[0].partition(".")[0])
    }
    assert {*wanted, *(name for name in MODULES[module] if "." not in name)} <= set(scope)


def test_parts_of_libraries_that_utils_had_imported():
    from mrcnn import utils

    assert callable(utils.skimage.io.imread) and callable(utils.skimage.transform.resize)
    assert callable(utils.skimage.color.gray2rgb) and callable(utils.urllib.request.urlopen)


def test_nothing_is_imported_before_it_is_asked_for():
    pytest.importorskip("jax", exc_type=ModuleNotFoundError)
    assert without("import mrcnn.model, mrcnn.visualize; print('tensorflow' in sys.modules)") == "False\n"
    assert without("import mrcnn.utils; print('keras' in sys.modules, 'skimage' in sys.modules)") == "False False\n"


def test_star_imports_leave_out_what_is_not_installed():
    pytest.importorskip("jax", exc_type=ModuleNotFoundError)
    code = "".join(f"from mrcnn.{module} import *\n" for module in IMPORTED)
    code += (
        "import mrcnn.model\nprint(np.pi, callable(MaskRCNN), plt.__name__, 'tf' in globals(), "
        "'IPython' in globals(), hasattr(mrcnn.model, 'tf'))"
    )
    assert without(code, "tensorflow", "IPython") == f"{np.pi} True matplotlib.pyplot False False False\n"


def test_a_library_that_is_not_installed_is_named():
    sources = {"np": "numpy", "no": "no_such_library.part:thing"}
    assert available(sources) == ["np"]
    with pytest.raises(AttributeError, match="mrcnn.utils has no 'no' here: No module named 'no_such_library'"):
        fetch({"__name__": "mrcnn.utils"}, sources, "no")


@pytest.mark.parametrize("module", IMPORTED)
def test_an_unknown_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match=f"module 'mrcnn.{module}' has no attribute 'nothing'"):
        resolve(module, "nothing")
