"""Lazy imports: public names of a package are imported from its modules on first use."""

import importlib
import sys


def names_on_first_use(package, homes):
    """The `__getattr__` and `__dir__` of a package (PEP 562) that imports nothing until a name is used.

    Parameters
    ----------
    package : str
        `__name__` of the package.
    homes : dict of str to str
        Public name -> its module, or "module:name" if it has a different name in the module.

    Returns
    -------
    (callable, callable)
    """

    def get_attribute(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, other_name = homes[name].partition(":")
        value = getattr(importlib.import_module(module), other_name or name)
        setattr(sys.modules[package], name, value)  # Python asks once
        return value

    def list_attributes():
        return sorted({*vars(sys.modules[package]), *homes})

    return get_attribute, list_attributes
