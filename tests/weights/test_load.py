"""Load and save weights: the legacy layout, the report, and a model that is unchanged after any failure."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import WeightsError
from mrcnn.weights.load import layer_weights, load_weights, save_weights


def values_of(model):
    return [keras.ops.convert_to_numpy(w).copy() for w in model.weights]


def assert_same(values, others):
    assert len(values) == len(others)
    for value, other in zip(values, others):
        np.testing.assert_array_equal(value, other)


def rewritten(path, change):
    with h5py.File(path, "a") as file:
        change(file)
    return path


def attributes_as_text(file):
    for group, name in ((file, "layer_names"), *((file[g], "weight_names") for g in file if len(file[g]))):
        group.attrs[name] = [n.decode() for n in group.attrs[name]]


def without_attributes(file):
    for group, name in ((file, "layer_names"), *((file[g], "weight_names") for g in file)):
        del group.attrs[name]


def below_model_weights(file):
    names = list(file)
    root = file.create_group("model_weights")
    for name in names:
        file.move(name, f"model_weights/{name}")
    root.attrs["layer_names"] = file.attrs["layer_names"]
    del file.attrs["layer_names"]
    file.create_group("optimizer_weights")["kernel:0"] = np.zeros((3, 3))


# --- Round trips ---
def test_the_layout_is_keras_2s(tmp_path, small):
    model, path = small(), tmp_path / "w.h5"
    save_weights(model, path)
    with h5py.File(path) as file:
        layers = [layer.name for layer in model.layers]
        assert file.attrs["layer_names"].tolist() == [n.encode() for n in layers]
        assert file["conv1"].attrs["weight_names"].tolist() == [b"conv1/kernel:0", b"conv1/bias:0"]
        assert file["rpn_model"].attrs["weight_names"].tolist() == [
            b"rpn_conv_shared/kernel:0",
            b"rpn_conv_shared/bias:0",
            b"rpn_class_raw/kernel:0",
            b"rpn_class_raw/bias:0",
        ]
        assert file["flat"].attrs["weight_names"].tolist() == []
        assert file["conv1/conv1/kernel:0"].dtype == np.float32
        assert file.attrs["keras_version"] == b"2.0.8" and file.attrs["backend"] == b"tensorflow"


@pytest.mark.parametrize("change", [None, attributes_as_text, without_attributes, below_model_weights])
def test_round_trip_is_bit_equal(change, tmp_path, small):
    model, other, path = small(seed=1), small(seed=2), tmp_path / "w.h5"
    save_weights(model, path)
    if change:
        rewritten(path, change)
    report = load_weights(other, path)
    assert_same(values_of(other), values_of(model))
    assert len(report.loaded) == len(model.weights) == len(set(report.loaded))
    assert not (report.missing or report.skipped or report.mismatched or report.inflated or report.excluded)


def test_npz_round_trip(tmp_path, small):
    model, other, path = small(seed=1), small(seed=2), tmp_path / "w.npz"
    entries = [(f"{owner}/{kind}", v) for _, group in layer_weights(model) for owner, kind, v in group]
    np.savez(path, **{name: keras.ops.convert_to_numpy(v) for name, v in entries})
    load_weights(other, path)
    assert_same(values_of(other), values_of(model))


def test_half_precision_files_load(tmp_path, small):
    model, path = small(), tmp_path / "w.npz"
    np.savez(path, **{"mrcnn_class_logits/bias": np.array([0.5, 2], np.float16)})
    load_weights(model, path, by_name=True)
    np.testing.assert_array_equal(values_of(model)[-1], [0.5, 2])


def test_training_and_inference_graphs_write_the_same_names(tmp_path, tiny):
    config = tiny.config()
    graph = tiny.graph_of(config)
    names = []
    for model in (graph.training_model(), graph.inference_model(), tiny.graph_of(config).training_model()):
        names.append([(g, owner, kind) for g, entries in layer_weights(model) for owner, kind, _ in entries])
    assert sorted(names[0]) == sorted(names[1]) == sorted(names[2])
    assert len(set(names[0])) == len(names[0])
    assert ("rpn_model", "rpn_conv_shared", "kernel") in names[0] and ("stage2_bn", "stage2_bn", "gamma") in names[0]


def test_automatic_names_are_matched_by_their_order(tmp_path):
    def model(seed, extra=0):
        for _ in range(extra):
            keras.layers.Conv2D(1, 1)
        keras.utils.set_random_seed(seed)
        image = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(3, 3)(image)
        x = keras.layers.SeparableConv2D(3, 3)(keras.layers.Conv2D(3, 3)(x))
        x = keras.layers.DepthwiseConv2D(2, name="own")(x)
        return keras.Model(image, keras.layers.BatchNormalization()(x))

    one, other, path = model(1), model(2, extra=1), tmp_path / "w.h5"
    assert one.layers[1].name != other.layers[1].name
    save_weights(one, path)
    report = load_weights(other, path)
    assert not report.missing and not report.skipped
    assert_same(values_of(other), values_of(one))


def test_depthwise_kernels_of_keras_2_load(tmp_path):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(3, name="conv_dw")(image))
    path, kernel = tmp_path / "w.npz", np.random.default_rng(0).normal(size=(3, 3, 3, 1)).astype(np.float32)
    np.savez(path, **{"conv_dw/depthwise_kernel": kernel, "conv_dw/bias": np.zeros(3, np.float32)})
    load_weights(model, path)
    np.testing.assert_array_equal(values_of(model)[0], kernel)


def test_layers_with_the_same_name_in_two_blocks_are_distinguished(tmp_path):
    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.parts = [keras.layers.Dense(3, name="part") for _ in range(2)]

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    def model(seed):
        keras.utils.set_random_seed(seed)
        x = keras.Input((3,))
        return keras.Model(x, Block(name="b")(Block(name="a")(x)))

    one, other, path = model(1), model(2), tmp_path / "w.h5"
    save_weights(one, path)
    assert len(load_weights(other, path).loaded) == 8
    assert_same(values_of(other), values_of(one))


# --- What is loaded, excluded, rejected ---
def test_report_is_printed_with_its_contents(tmp_path, tiny, capsys):
    path = tmp_path / "w.npz"
    np.savez(path, **{"stage1/bias": np.ones(4, np.float32), "elsewhere/kernel": np.zeros((2, 2), np.float32)})
    detector = MaskRCNN("inference", tiny.config(), tmp_path)
    report = detector.load_weights(path, by_name=True, exclude=["stage5", "stage_six"])
    text = capsys.readouterr().out
    count = len(detector.keras_model.weights)
    assert report.loaded == ["stage1/bias"] and report.skipped == ["elsewhere/kernel"]
    assert f"1 arrays loaded, {count - 3} in the model but not in the file, 1 in the file but not in the model" in text
    assert "2 excluded" in text and "not in the model: elsewhere" in text and "excluded: stage5" in text
    assert "to be excluded, but not found: stage_six" in text
    detector.load_weights(path, by_name=True, verbose=0)
    assert capsys.readouterr().out == ""


def test_different_class_count_names_the_layers_to_exclude(tmp_path, small, unchanged):
    path, model = tmp_path / "w.h5", small(classes=5, seed=3)
    save_weights(small(classes=2), path)
    with unchanged(model), pytest.raises(WeightsError, match=r"exclude=\['mrcnn_class_logits'\]") as caught:
        load_weights(model, path, by_name=True)
    assert "mrcnn_class_logits/kernel: (72, 2) in the file, (72, 5) in the model" in str(caught.value)
    before = values_of(model)
    report = load_weights(model, path, by_name=True, exclude=["mrcnn_class_logits"])
    assert report.excluded == ["mrcnn_class_logits/kernel", "mrcnn_class_logits/bias"]
    assert_same(values_of(model)[-2:], before[-2:])
    assert_same(values_of(model)[:2], values_of(small(classes=2))[:2])


def test_nothing_matches(tmp_path, small, unchanged):
    path, model = tmp_path / "w.npz", small()
    np.savez(path, **{"other_net/kernel": np.zeros(3, np.float32)})
    with unchanged(model), pytest.raises(WeightsError, match=r"only 0 arrays fit.*other_net.*different architecture"):
        load_weights(model, path, by_name=True)


def test_at_least(tmp_path, small, unchanged):
    path, model = tmp_path / "w.npz", small()
    np.savez(path, **{"mrcnn_class_logits/bias": np.ones(2, np.float32)})
    with unchanged(model), pytest.raises(WeightsError, match="only 1 arrays fit the model, but at least 2"):
        load_weights(model, path, by_name=True, at_least=2)
    assert load_weights(model, path, by_name=True, at_least=1).loaded == ["mrcnn_class_logits/bias"]


def test_missing_arrays_need_by_name(tmp_path, small, unchanged):
    path, model = tmp_path / "w.h5", small(seed=1)
    save_weights(small(), path)
    rewritten(path, lambda file: file.__delitem__("rpn_model/rpn_class_raw/bias:0"))
    with unchanged(model), pytest.raises(WeightsError, match=r"1 arrays .* not in the file \(rpn_class_raw\).*by_name"):
        load_weights(model, path)
    assert load_weights(model, path, by_name=True).missing == ["rpn_class_raw/bias"]


def test_weights_that_are_nan(tmp_path, small, unchanged):
    path, model = tmp_path / "w.h5", small(seed=1)
    save_weights(small(), path)

    def spoil(file):
        file["conv1/conv1/bias:0"][2] = np.nan

    rewritten(path, spoil)
    with unchanged(model), pytest.raises(WeightsError, match="'conv1/bias' contains NaN.*earlier checkpoint"):
        load_weights(model, path)


# --- Channels ---
@pytest.mark.parametrize("stored, wanted", [(3, 1), (3, 2), (3, 4), (1, 3), (4, 2)])
def test_first_convolution_is_adapted_to_other_channels(stored, wanted, tmp_path, small):
    path, model = tmp_path / "w.h5", small(channels=wanted, seed=1)
    source = small(channels=stored)
    save_weights(source, path)
    report = load_weights(model, path, image_channels=wanted)
    assert report.inflated == ["conv1/kernel"] and "inflated to the image's channels: conv1/kernel" in str(report)
    grey = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)
    before, after = (m(np.repeat(grey, count, axis=3)) for m, count in ((source, stored), (model, wanted)))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(after), keras.ops.convert_to_numpy(before), atol=1e-4)


def test_channels_are_not_adapted_without_request(tmp_path, small, unchanged):
    path, model = tmp_path / "w.h5", small(channels=1)
    save_weights(small(channels=3), path)
    with unchanged(model), pytest.raises(WeightsError, match=r"conv1/kernel: \(3, 3, 3, 4\) in the file"):
        load_weights(model, path)


def test_normalisation_of_the_image_is_adapted_too(tmp_path):
    def model(channels):
        image = keras.Input((8, 8, channels))
        return keras.Model(image, keras.layers.Normalization(name="normalization", axis=-1)(image))

    path, mean = tmp_path / "w.npz", np.array([1, 2, 6], np.float32)
    arrays = {"mean": mean, "variance": mean + 1, "count": np.array(0, np.int32)}
    np.savez(path, **{f"normalization/{kind}": value for kind, value in arrays.items()})
    grey = model(1)
    load_weights(grey, path, by_name=True, image_channels=1)
    np.testing.assert_array_equal(values_of(grey)[0], [3])
    # Also the values used for computation: the mean of the means is 3, the mean of the variances 4.
    found = keras.ops.convert_to_numpy(grey(np.full((1, 8, 8, 1), 7, np.float32)))
    np.testing.assert_allclose(found, 2, rtol=1e-5)


def test_a_first_convolution_of_absurdly_many_channels_is_not_adapted(tmp_path):
    """A few bytes can declare gigabytes, which must not be read."""
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, keras.layers.Conv2D(2, 3, name="first")(image))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("first/first/kernel:0", (3, 3, 100_000_000, 2), "float32", chunks=(3, 3, 1000, 2))
    with pytest.raises(WeightsError, match="different shape"):
        load_weights(model, tmp_path / "w.h5", by_name=True, image_channels=1)


def trainable(detector, layers):
    return detector.set_trainable(layers, verbose=0)


def test_inflated_first_convolution_trains_in_every_stage(tmp_path, tiny):
    saved = tmp_path / "rgb.h5"
    MaskRCNN("training", tiny.config(), tmp_path).save_weights(saved)
    detector = MaskRCNN("training", tiny.config(IMAGE_CHANNEL_COUNT=2, MEAN_PIXEL=np.zeros(2)), tmp_path)
    assert detector.first_convolution() == "stage1"
    assert "stage1" not in trainable(detector, "heads")
    assert detector.load_weights(saved).inflated == ["stage1/kernel"]
    assert detector.always_trained == ["stage1"]
    names = trainable(detector, "heads")
    assert "stage1" in names and "stage2" not in names
    owners = {v.path.split("/")[0] for v in detector.keras_model.trainable_variables}
    assert "stage1" in owners and "stage2" not in owners


def test_first_convolution_that_was_left_out_trains_until_it_is_loaded(tmp_path, tiny):
    saved = tmp_path / "all.h5"
    MaskRCNN("training", tiny.config(), tmp_path).save_weights(saved)
    detector = MaskRCNN("training", tiny.config(), tmp_path)
    detector.load_weights(saved, exclude=["stage1"])
    assert detector.always_trained == ["stage1"] and "stage1" in trainable(detector, "heads")
    detector.load_weights(saved)
    assert detector.always_trained == [] and "stage1" not in trainable(detector, "heads")
    detector.load_weights(saved, exclude=["stage1"])
    assert detector.always_trained == []
