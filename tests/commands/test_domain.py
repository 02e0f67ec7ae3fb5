"""`Domain`: the network that a backbone's name in a settings file stands for."""

from mrcnn.commands.domain import Domain
from mrcnn.config import Config
from mrcnn.nets.backbones import CALLABLES


def shapes(image_shape):
    """Stands for the sizes of a domain's own backbone."""


def with_backbone(name, **own):
    config = Domain("blobs", ("BG", "blob"), {}, None, None, own).with_backbone(Config(BACKBONE=name))
    return config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE


def test_the_packages_own_backbones_are_known_to_every_domain():
    for name, functions in CALLABLES.items():
        assert with_backbone(name) == with_backbone(name, other=(len, shapes)) == functions
        assert functions[0].__name__ == name  # what `Config.to_dict` writes


def test_a_domains_backbone_comes_before_the_packages():
    assert with_backbone("small_resnet", small_resnet=(len, shapes)) == (len, shapes)


def test_other_names_and_functions_stay():
    assert with_backbone("resnet50") == ("resnet50", None)
    config = Config(BACKBONE=len, COMPUTE_BACKBONE_SHAPE=shapes)
    Domain("blobs", ("BG", "blob"), {}, None, None).with_backbone(config)
    assert (config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE) == (len, shapes)
