"""Evaluation and comparison of models of several classes, with a network of a few layers, on all kinds of data sets."""

import json

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.commands import boxes
from mrcnn.commands.comparison import compare
from mrcnn.commands.domain import Domain
from mrcnn.commands.evaluation import evaluate, evaluate_to, scored_detector
from mrcnn.data.readers.open import open_any
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import ConfigError, DataError
from mrcnn.evaluate.classes import evaluate_classes
from mrcnn.formats import voc
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.geometry.instances import Instances
from mrcnn.inference.evaluation import evaluate_dataset
from mrcnn.options.arguments import FAILED, run
from mrcnn.options.evaluate_arguments import compare_parser, evaluate_parser

CLASSES = ("BG", "flat", "zebra")
CLASS_FIGURES = {"classes.png", "confusion.png", "precision_recall.png", "f1.png"}


@pytest.fixture(scope="module")
def domain(tiny):
    class Plain(tiny.TinyConfig):
        CLASS_NAMES = ("BG", "round", "flat")
        DETECTION_MIN_CONFIDENCE = 0.45

    configs = {"full": Plain, "small": Plain, "demo": Plain}
    backbones = {"backbone": (tiny.backbone, tiny.backbone_shapes)}
    return Domain("cells", Plain.CLASS_NAMES, configs, open_any, lambda part: None, backbones, counts_channels=True)


@pytest.fixture(scope="module")
def made(domain, tmp_path_factory):
    """Callable (name, **settings): the folder of a run of a network whose random weights give scores of all sizes."""
    folder = tmp_path_factory.mktemp("logs")

    def make(name, **settings):
        config = domain.configs["full"](**{"CLASS_NAMES": CLASSES, **settings})
        (folder / name).mkdir()
        model, rng = MaskRCNN("inference", config, folder / name), np.random.default_rng(3)
        for weight in model.keras_model.weights:
            if "class_logits" in weight.path and "kernel" in weight.path:
                weight.assign(rng.normal(size=weight.shape))
        model.save_weights(folder / name / "best.h5")
        config.to_json(folder / name / "config.json")
        pd.DataFrame({"seconds": [1.0, 4.0, 2.0]}).to_csv(folder / name / "history.csv", index=False)
        return folder / name

    return make


@pytest.fixture(scope="module")
def faster(made):
    return made("faster", USE_MASK_HEAD=False)


@pytest.fixture(scope="module")
def mask(made):
    return made("mask")


@pytest.fixture(scope="module")
def seen(domain, faster, tmp_path_factory):
    """Four images and what the Faster R-CNN finds in them, of all scores."""
    detector, _ = scored_detector(domain, {"weights": faster})
    rng = np.random.default_rng(0)
    images = []
    for _ in range(4):
        image = rng.integers(0, 60, (48, 64, 3)).astype(np.uint8)
        y, x = rng.integers(0, 30, 2)
        image[y : y + 15, x : x + 20] = 220
        images.append(image)
    return images, [detector.predict([image])[0] for image in images]


@pytest.fixture(scope="module")
def annotated(seen, tmp_path_factory):
    """Folder of LabelImg files: every second of the objects found, a few of them narrower or of the other class."""
    folder, rng, annotations = tmp_path_factory.mktemp("cells"), np.random.default_rng(1), []
    for i, (image, found) in enumerate(zip(*seen)):
        iio.imwrite(folder / f"field_{i}.png", image)
        boxes, ids = found.boxes[::2].copy(), found.class_ids[::2].copy()
        boxes[:, 3] = np.maximum(boxes[:, 1] + 1, boxes[:, 3] - rng.integers(0, 4, len(boxes)))
        ids[rng.random(len(ids)) < 0.3] = 1
        annotations.append(ImageAnnotation(folder / f"field_{i}.png", (48, 64), boxes, [CLASSES[c] for c in ids]))
    voc.write(folder, annotations)
    return folder


@pytest.fixture(scope="module")
def class_folders(seen, tmp_path_factory):
    """The same images with label images in one folder per class."""
    folder = tmp_path_factory.mktemp("labels")
    for name in ("images", "labels/flat", "labels/zebra"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i, (image, found) in enumerate(zip(*seen)):
        tifffile.imwrite(folder / "images" / f"field_{i}.tif", image)
        for class_id, name in enumerate(CLASSES[1:], start=1):
            labels = np.zeros((48, 64), np.uint8)
            for k, (y1, x1, y2, x2) in enumerate(found.boxes[found.class_ids == class_id][::2], start=1):
                labels[y1:y2, x1:x2] = k
            tifffile.imwrite(folder / "labels" / name / f"field_{i}.tif", labels)
    return folder


@pytest.fixture
def evaluated(domain, tmp_path):
    """Callable (run, *arguments): metrics and names of the files."""

    def call(run, *arguments, code=0):
        given = ["--weights", str(run), "--out", str(tmp_path / "out"), *map(str, arguments)]
        assert evaluate(domain, vars(evaluate_parser("x").parse_args(given))) == code
        files = {p.name for p in (tmp_path / "out").iterdir()}
        return json.loads((tmp_path / "out" / "metrics.json").read_text()), files

    return call


@pytest.mark.parametrize("min_score", [None, 0.6])
def test_boxes_are_scored_as_by_the_functions_for_classes(evaluated, domain, faster, annotated, min_score, capsys):
    given = [] if min_score is None else ["--min-score", min_score]
    metrics, files = evaluated(faster, "--annotations", annotated, "--worst", 1, *given)
    detector, counted = scored_detector(domain, {"weights": faster, "min_score": min_score})
    assert counted == (0.45 if min_score is None else min_score)
    assert detector.config.DETECTION_MIN_CONFIDENCE == 0.05
    dataset = open_any(annotated, classes=CLASSES[1:])
    truths = [dataset.load_instances(i) for i in dataset.image_ids]
    found = [detector.predict([dataset.load_image(i)])[0] for i in dataset.image_ids]
    expected = evaluate_classes(truths, found, CLASSES, counted)
    for name in CLASSES[1:]:
        row = {key: metrics["per_class"][name][key] for key in expected["per_class"][name]}
        assert row == expected["per_class"][name]
    for key in ("mean", "all_classes", "confusion", "min_score", "iou_threshold", "iou_type"):
        assert metrics[key] == expected[key]
    assert metrics["mean"]["AP50"] > 0.1 and metrics["iou_type"] == "bbox"
    # By objects, too: filled boxes, of the detections counted.
    assert metrics["objects_predicted"] == sum(int((objects.scores >= counted).sum()) for objects in found)
    assert 0 < metrics["threat_score"]["0.50"] < 1 and metrics["images_by_boxes"] == metrics["images"] == 4
    assert metrics["weights"] == str(faster)
    assert CLASS_FIGURES | {"metrics.json", "threat_scores.png"} <= files
    assert len(files) == 8 and sum(name.startswith("worst_1_field") for name in files) == 2
    said = capsys.readouterr().out
    assert "4 images have no masks" in said and "zebra" in said and "threat score" in said


def test_masks_are_scored_by_class_if_model_and_images_have_them(evaluated, mask, class_folders, faster):
    metrics, files = evaluated(mask, "--dataset", class_folders, "--worst", 0)
    assert metrics["iou_type"] == "segm" and metrics["images_by_boxes"] == 0
    assert list(metrics["per_class"]) == ["flat", "zebra"] and files >= CLASS_FIGURES
    boxed, _ = evaluated(mask, "--dataset", class_folders, "--worst", 0, "--by", "boxes")
    assert boxed["iou_type"] == "bbox" and boxed["images_by_boxes"] == 4
    assert boxed["objects_true"] == metrics["objects_true"] > 0
    assert boxed["coco_ap_boxes"] == metrics["coco_ap_boxes"] and boxed["coco_ap"] != metrics["coco_ap"]
    other, _ = evaluated(faster, "--dataset", class_folders, "--worst", 0)
    assert other["images_by_boxes"] == 4 and other["objects_true"] == metrics["objects_true"]


def test_ids_are_those_of_the_run_whatever_the_order_in_the_data(made, domain, evaluated, annotated, class_folders):
    turned = made("turned", CLASS_NAMES=("BG", "zebra", "flat"), USE_MASK_HEAD=False)
    metrics, _ = evaluated(turned, "--dataset", class_folders, "--worst", 0)
    assert metrics["confusion"]["classes"] == ["BG", "zebra", "flat"]
    dataset = open_any(class_folders, classes=["flat", "zebra"])
    for class_id, name in enumerate(("flat", "zebra"), start=1):
        ids = np.concatenate([dataset.load_instances(i).class_ids for i in dataset.image_ids])
        assert metrics["per_class"][name]["objects_true"] == np.count_nonzero(ids == class_id) > 0
    with pytest.raises(ConfigError, match="would be exchanged"):
        evaluated(turned, "--dataset", class_folders, "--worst", 0, "--classes", "flat,zebra")
    # Names that are not recorded are those of the domain, so images of other classes are refused.
    unnamed = made("unnamed", CLASS_NAMES=(), USE_MASK_HEAD=False)
    with pytest.raises(DataError, match="zebra"):
        evaluated(unnamed, "--dataset", annotated)
    metrics, _ = evaluated(unnamed, "--dataset", annotated, "--worst", 0, "--class-map", "zebra=round,flat=flat")
    assert metrics["confusion"]["classes"] == ["BG", "round", "flat"]


def test_a_data_set_with_other_classes_is_refused(domain, mask, annotated, tmp_path):
    """Even if its reader takes no names: the ids would mean something else."""

    def reader(path, truth=None, **options):
        return open_any(path, truth, classes=["zebra", "flat"], **options)

    other = Domain(domain.name, domain.class_names, domain.configs, reader, lambda part: open_any(annotated), {})
    other = Domain(**{**vars(other), "backbones": domain.backbones})
    options = vars(evaluate_parser("x").parse_args(["--weights", str(mask), "--out", str(tmp_path)]))
    with pytest.raises(ConfigError, match="flat, zebra.*zebra, flat.*--classes"):
        evaluate(other, {**options, "dataset": str(annotated)})
    turned = Domain(**{**vars(other), "synthetic": lambda part: reader(annotated)})
    with pytest.raises(ConfigError, match="flat, zebra.*zebra, flat"):
        evaluate(turned, options)
    with pytest.raises(ConfigError, match="model 'b' has the classes zebra, flat, but 'a' has the classes flat, zebra"):
        (tmp_path / "b").mkdir()
        config = json.loads((mask / "config.json").read_text())
        (tmp_path / "b" / "config.json").write_text(json.dumps({**config, "CLASS_NAMES": ["BG", "zebra", "flat"]}))
        (tmp_path / "b" / "best.h5").write_bytes((mask / "best.h5").read_bytes())
        given = [f"a={mask}", f"b={tmp_path / 'b'}", "--dataset", str(annotated), "--out", str(tmp_path / "c")]
        compare(domain, vars(compare_parser("x").parse_args(given)))


def test_options_of_the_formats_arrive(evaluated, faster, seen, tmp_path):
    """YOLO labels, one of them partly outside of the image, with the classes in a file of a different name."""
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.mkdir(), labels.mkdir()
    for i, image in enumerate(seen[0]):
        iio.imwrite(images / f"field_{i}.png", image)
        (labels / f"field_{i}.txt").write_text("1 0.5 0.5 0.5 0.5\n0 0.9 0.5 0.4 0.5\n")
    (tmp_path / "names.txt").write_text("zebra\nflat\n")
    given = ["--annotations", labels, "--images", images, "--limit", 1, "--worst", 0]
    given += ["--dataset-option", f"class_file={tmp_path / 'names.txt'}", "--dataset-option", "annotation_format=yolo"]
    metrics, _ = evaluated(faster, *given, "--dataset-option", "outside=clip")
    assert [metrics["per_class"][name]["objects_true"] for name in ("flat", "zebra")] == [1, 1]
    with pytest.raises(DataError, match="outside"):
        evaluated(faster, *given)


@pytest.mark.parametrize(
    ("opener", "arguments", "message"),
    [
        (open_any, ["--classes", "a,b"], "--classes without --dataset"),
        (open_any, ["--images", "x"], "--images without --dataset"),
        (open_any, ["--difficult", "drop"], "--difficult without --dataset"),
        (open_any, ["--slices", "0:2"], "--slices without --dataset"),
        (open_any, ["--dataset", "ANNOTATED", "--slices", "0:2"], "no option slices"),
        (boxes.open_boxes, ["--dataset", "ANNOTATED", "--slices", "0:2"], "annotations, which have no slices"),
        (boxes.open_boxes, ["--dataset", "ANNOTATED", "--truth", "t"], "Leave out --truth"),
        (open_any, ["--dataset", "LABELS", "--difficult", "drop"], "no option difficult"),
        (open_any, ["--dataset", "LABELS", "--images", "x"], "no option images"),
        (open_any, ["--plain"], "--plain is for unet and fcn"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    domain, mask, annotated, class_folders, opener, arguments, message, capsys
):
    named = {"ANNOTATED": str(annotated), "LABELS": str(class_folders)}
    options = evaluate_parser("x").parse_args(["--weights", str(mask), *(named.get(a, a) for a in arguments)])
    assert run(evaluate, Domain(**{**vars(domain), "open_dataset": opener}), vars(options)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_models_side_by_side(domain, faster, mask, annotated, tmp_path, capsys):
    given = [f"faster={faster}", f"again={faster / 'best.h5'}", f"mask={mask}", "--annotations", str(annotated)]
    out = ["--out", str(tmp_path / "out"), "--pictures", "1", "--min-score", "0.6"]
    assert compare(domain, vars(compare_parser("x").parse_args([*given, *out]))) == 0
    said = capsys.readouterr().out
    assert "COCO's AP at 0.5, zebra" in said and "threat score at 0.50" in said and "images compared by boxes" in said
    table = pd.read_csv(tmp_path / "out" / "comparison.csv").set_index("model")
    scores = [f"{s}_{c}" for s in ("AP50", "AP", "f1") for c in ("of_flat", "of_zebra", "mean")]
    assert table.loc["faster", scores].equals(table.loc["again", scores]) and (table["AP50_mean"] > 0.1).any()
    assert table.loc["faster", "threat_score_50"] == table.loc["again", "threat_score_50"] > 0
    assert (table["seconds_per_image"] > 0).all() and (table["seconds_per_epoch"] == 2).all()
    assert (table["weights_mb"] > 0.01).all() and (table["min_score"] == 0.6).all()
    stored = json.loads((tmp_path / "out" / "comparison.json").read_text())
    report = stored["reports"]["again"]
    assert report["images"] == 4 and report["images_by_boxes"] == 4 and report["iou_type"] == "bbox"
    lines = (tmp_path / "out" / "comparison.md").read_text().splitlines()
    cells = []
    for name in table.index:
        of_model = stored["reports"][name]
        low, high = of_model["intervals"]["mean"]["f1"]
        cells.append(f"{of_model['mean']['f1']:.3f} [{low:.3f}, {high:.3f}]")
    assert f"| F1, mean | {' | '.join(cells)} |" in lines
    assert {p.name for p in (tmp_path / "out").glob("*.png")} == {"compare_field_2.png", "threat_scores.png"}


def test_models_with_and_without_masks_are_told_apart(domain, faster, mask, class_folders, tmp_path, capsys):
    given = [f"faster={faster}", f"mask={mask}", "--dataset", str(class_folders), "--out", str(tmp_path / "out")]
    assert compare(domain, vars(compare_parser("x").parse_args([*given, "--limit", "1", "--pictures", "1"]))) == 0
    assert "--by boxes compares all of them alike" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "out" / "comparison.csv")["images_by_boxes"].tolist() == [1, 0]


def test_each_model_gets_the_channels_that_it_takes(domain, evaluated, made, faster, class_folders, tmp_path):
    """Grey from colour, and colour as it is: the table is that of the two evaluations."""
    models = {"grey": made("grey", IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=[100.0], USE_MASK_HEAD=False), "colour": faster}
    given = [*(f"{name}={path}" for name, path in models.items()), "--dataset", str(class_folders), "--pictures", "0"]
    assert compare(domain, vars(compare_parser("x").parse_args([*given, "--out", str(tmp_path / "c")]))) == 0
    reports = json.loads((tmp_path / "c" / "comparison.json").read_text())["reports"]
    for name, path in models.items():
        metrics, _ = evaluated(path, "--dataset", class_folders, "--worst", 0)
        assert metrics.pop("weights") == str(path)
        assert {key: reports[name][key] for key in metrics} == metrics
    assert reports["grey"]["coco_ap"] != reports["colour"]["coco_ap"]


def test_an_image_that_cannot_be_read_is_left_out(domain, faster, annotated, tmp_path, capsys):
    for path in annotated.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / "field_1.png"
    broken.write_bytes(broken.read_bytes()[:200])
    for call, parser, model in (
        (evaluate, evaluate_parser, ["--weights", str(faster)]),
        (compare, compare_parser, [str(faster)]),
    ):
        given = [*model, "--annotations", str(tmp_path), "--images", str(tmp_path), "--out", str(tmp_path / "out")]
        assert call(domain, vars(parser("x").parse_args(given))) == FAILED
        assert "field_1" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["images"] == 3


class Half:
    """Finds every true object except that of the second image, and a false positive with a low score."""

    def __init__(self, dataset):
        self.truths = [dataset.load_instances(i) for i in dataset.image_ids]
        self.config = type("Settings", (), {"USE_MASK_HEAD": False})
        self.next = 0

    def predict(self, images):
        gt, self.next = self.truths[self.next], self.next + 1
        boxes = [*(gt.boxes.tolist() if self.next != 2 else []), [0, 0, 3, 3]]
        ids = [*(gt.class_ids.tolist() if self.next != 2 else []), 1]
        scores = [*[0.9] * (len(boxes) - 1), 0.3]
        masks = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
        return [Instances(gt.image_shape, boxes, ids, scores, masks)]


def test_the_worst_image_is_the_one_with_most_errors(tmp_path):
    annotations = []
    for i in range(4):
        corners = np.array([[4, 5 + i, 20, 25 + i], [26, 30, 46, 60]], np.int32)[: 1 + i % 2]
        iio.imwrite(tmp_path / f"field_{i}.png", np.zeros((48, 64, 3), np.uint8))
        annotations.append(
            ImageAnnotation(tmp_path / f"field_{i}.png", (48, 64), corners, ["zebra", "flat"][: 1 + i % 2])
        )
    voc.write(tmp_path, annotations)
    dataset, out = boxes.open_boxes(tmp_path, outlines=False), tmp_path / "out"
    report = evaluate_to(Half(dataset), dataset, out, worst=1, min_score=0.7)
    assert report["mean"]["recall"] == pytest.approx((1 / 2 + 3 / 4) / 2) and report["mean"]["precision"] == 1
    assert report["all_classes"]["best_threshold"] == pytest.approx(0.6)
    assert report["confusion"]["counts"] == [[0, 0, 0], [1, 1, 0], [1, 0, 3]]
    assert {p.name for p in out.glob("worst*")} == {"worst_1_field_1.png", "worst_1_field_1_errors.png"}
    assert evaluate_dataset(Half(dataset), dataset)[0]["images_by_boxes"] == 4
