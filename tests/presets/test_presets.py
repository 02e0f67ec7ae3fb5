"""Presets are valid, load without Keras and can be restored from a file; the samples' settings are based on them."""

import importlib
import importlib.util
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mrcnn.presets
from mrcnn.commands.domain import Domain
from mrcnn.config import Config, SemanticConfig

ROOT = Path(__file__).resolve().parents[2]
# Result of `to_dict` of the samples' settings from the time when the samples themselves contained all of them.
BEFORE = json.loads(Path(__file__).with_name("before.json").read_text(encoding="utf-8"))
# Changed since on purpose: images larger than the network's are cropped, not shrunk.
FITTED = [
    ("mitochondria", ("MitochondriaConfig", "MitochondriaSmallConfig", "DemoConfig")),
    ("hpa_cells", ("HpaCellsConfig", "HpaCellsSmallConfig", "HpaCellsDemoConfig")),
]
for _module, _names in FITTED:
    for _name in _names:
        BEFORE[_module][_name]["IMAGE_RESIZE_MODE"] = "fit"
# Changed since on purpose: outlines without bias.
for _module, _settings in BEFORE.items():
    for _name, _values in _settings.items():
        if "Matterport" not in _name and not _values["SEMANTIC_MODEL"]:
            _values.update(MASK_GEOMETRY="area", MASK_REGION_SCALE=1.2, MASK_FINE_SIZE=32)
# Changed since on purpose: fields of hundreds of objects. Presets for a GPU had Matterport's limits, except for wafers.
_LIMITS = {"PRE_NMS_LIMIT": 4000, "POST_NMS_ROIS_INFERENCE": 1000, "DETECTION_MAX_INSTANCES": 400}
for _module, _settings in BEFORE.items():
    for _name, _values in _settings.items():
        if _values["SEMANTIC_MODEL"]:
            continue
        for _limit, _least in _LIMITS.items():
            _values[_limit] = max(_values[_limit], _least)
        if _module != "wafer_sections" and _values["MAX_GT_INSTANCES"] == 100 and "Matterport" not in _name:
            _values["MAX_GT_INSTANCES"] = 200
MODULES = [importlib.import_module(f"mrcnn.presets.{m.name}") for m in pkgutil.iter_modules(mrcnn.presets.__path__)]
PRESETS = [
    value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, type) and value.__module__ == module.__name__
]


@pytest.fixture(scope="module")
def samples():
    """The modules with the samples' settings, by name."""
    found = {}
    for name in BEFORE:
        (path,) = (ROOT / "samples").glob(f"*/{name}.py")
        spec = importlib.util.spec_from_file_location(name, path)
        found[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found[name])
    return found


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in BEFORE for name in BEFORE[module]])
def test_settings_of_the_samples_are_what_they_were(samples, module, name):
    config = getattr(samples[module], name)()
    defaults = (SemanticConfig if isinstance(config, SemanticConfig) else Config)().to_dict()
    # A setting that was added later is not in the file and has its default.
    assert config.to_dict() == {**defaults, **BEFORE[module][name]}


def test_a_run_from_before_keeps_its_resize_mode(samples, tmp_path):
    """Its file says "square", whatever the preset has become."""
    for module, name in (("mitochondria", "MitochondriaConfig"), ("hpa_cells", "HpaCellsConfig")):
        preset = getattr(samples[module], name)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({**preset().to_dict(), "IMAGE_RESIZE_MODE": "square"}), encoding="utf-8")
        assert preset.from_json(path).IMAGE_RESIZE_MODE == "square" and preset().IMAGE_RESIZE_MODE == "fit"


def test_samples_subclass_the_presets(samples):
    for module in samples.values():
        for config in module.DOMAIN.configs.values():
            assert config.__module__ == module.__name__ and any(issubclass(config, preset) for preset in PRESETS)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.__name__)
def test_preset_is_valid_and_can_be_restored_from_a_file(preset, tmp_path):
    config = preset()
    config.validate()
    assert preset.__doc__
    config.to_json(tmp_path / "config.json")
    domain = Domain("objects", ("BG", "object"), {"full": preset}, None, None)
    again = domain.with_backbone(preset.from_json(tmp_path / "config.json"))
    assert again.to_dict() == config.to_dict()
    assert (again.BACKBONE, again.COMPUTE_BACKBONE_SHAPE) == (config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE)


def test_presets_load_without_a_framework():
    """Settings and options can be checked before Keras is imported."""
    code = f"import json, sys, {', '.join(m.__name__ for m in MODULES)}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"keras", "tensorflow", "jax", "torch"} & set(json.loads(loaded))


def test_a_run_trained_on_filled_boxes_can_be_loaded(samples, tmp_path):
    """The settings of a run are read with the class "full", whichever class was used in training."""
    domain, path = samples["hpa_cells"].DOMAIN, tmp_path / "config.json"
    for config in domain.configs.values():
        config().to_json(path)
        read = domain.configs["full"].from_json(path)
        assert read.to_dict() == config().to_dict()


def test_a_run_of_any_settings_of_a_domain_is_loaded_with_its_full_ones(samples, tmp_path):
    """As `--resume` and prediction do: only the file says which settings the run was started with."""
    for module in samples.values():
        configs = module.DOMAIN.configs
        for name, made in configs.items():
            made().to_json(tmp_path / "config.json")
            read = configs["full"].from_json(tmp_path / "config.json")
            assert read.to_dict() == {**configs["full"]().to_dict(), **made().to_dict()}, name


@pytest.mark.parametrize("preset", [p for p in PRESETS if not issubclass(p, SemanticConfig)])
def test_a_field_of_196_objects_fits(preset):
    assert preset.DETECTION_MAX_INSTANCES >= 400 and preset.POST_NMS_ROIS_INFERENCE >= 1000
    assert preset.PRE_NMS_LIMIT >= 4000
