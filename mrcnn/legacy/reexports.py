"""Names that Matterport's modules imported and scripts use from there: `visualize.plt`, or `np` after a star import.

They are imported on first use, because TensorFlow takes seconds to import and need not be installed with Keras on JAX.
"""

import importlib.util
import pkgutil
import sys
import types


def available(sources):
    """The names in `sources` (name -> "module" or "module:object") whose library is installed, in order.

    Nothing is imported to find this out. A name in `__all__` that cannot be imported would break a star import.
    """
    return [name for name, source in sources.items() if _installed(source.partition(":")[0].partition(".")[0])]


def _installed(library):
    if library in sys.modules:  # find_spec raises for modules without a spec
        return sys.modules[library] is not None
    return importlib.util.find_spec(library) is not None


def fetch(module, sources, name):
    """Import the object for a name in `sources` and store it in `module` (its `globals()`); used in `__getattr__`."""
    if name not in sources:
        raise AttributeError(f"module {module['__name__']!r} has no attribute {name!r}")
    try:
        module[name] = pkgutil.resolve_name(sources[name])
    except ImportError as error:
        raise AttributeError(f"{module['__name__']} has no {name!r} here: {error}") from error
    if name in ("K", "tf"):
        module[name] = WithoutSessions(module[name])
    return module[name]


class WithoutSessions(types.ModuleType):
    """`keras.backend` or `tensorflow`. The error for a name that was removed with TensorFlow 1 names a replacement."""

    def __init__(self, module):
        super().__init__(module.__name__, module.__doc__)
        self._of = module

    def __getattr__(self, name):
        try:
            return getattr(self._of, name)
        except AttributeError as error:
            raise AttributeError(
                f"{error}. Sessions, placeholders and K.function were removed with TensorFlow 1: MaskRCNN.run_graph "
                "computes the values of any tensor of the network, and keras.ops has the operations."
            ) from None

    def __dir__(self):
        return dir(self._of)
