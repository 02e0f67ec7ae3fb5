"""`mrcnn.results` re-exports the container of objects without importing anything heavy."""

import subprocess
import sys

import pytest


def test_instances_is_reexported():
    import mrcnn.results
    from mrcnn.geometry.instances import Instances

    assert mrcnn.results.Instances is Instances
    assert "Instances" in dir(mrcnn.results)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = mrcnn.results.Nothing


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, mrcnn.results, mrcnn.evaluate\n"
        "print([m for m in ('numpy', 'pandas', 'skimage') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
