"""What a model found: the container `Instances`, measurement (`measure`) and files for other programs (`export`)."""


def __getattr__(name):
    # PEP 562: importing the package costs nothing until somebody asks for a name
    if name == "Instances":
        from mrcnn.geometry.instances import Instances

        return Instances
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), "Instances"])
