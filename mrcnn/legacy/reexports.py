"""What Matterport's modules had imported and scripts take from them: `visualize.plt`, or `np` after a star import.

It is imported when it is first asked for: TensorFlow takes seconds, and need not be installed where Keras runs on JAX.
"""

import importlib.util
import pkgutil
import sys
import types


def available(sources):
    """Those of the names in `sources` (name -> "module" or "module:object") whose library is installed, in order.

    Nothing is imported to find out. In `__all__` a name that cannot be had would stop a star import.
    """
    return [name for name, source in sources.items() if _installed(source.partition(":")[0].partition(".")[0])]


def _installed(library):
    if library in sys.modules:  # find_spec refuses modules that were made without a spec
        return sys.modules[library] is not None
    return importlib.util.find_spec(library) is not None


def fetch(module, sources, name):
    """Import what a name in `sources` stands for, and keep it in `module` (its `globals()`); for its `__getattr__`."""
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
    """`keras.backend` or `tensorflow`; asked for what went with TensorFlow 1, it says what took its place."""

    def __init__(self, module):
        super().__init__(module.__name__, module.__doc__)
        self._of = module

    def __getattr__(self, name):
        try:
            return getattr(self._of, name)
        except AttributeError as error:
            raise AttributeError(
                f"{error}. Sessions, placeholders and K.function went with TensorFlow 1: MaskRCNN.run_graph gives the "
                "values of any tensor of the network, keras.ops has the operations."
            ) from None

    def __dir__(self):
        return dir(self._of)
