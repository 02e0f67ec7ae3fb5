"""The program `mrcnn`: detect, segment and count objects in microscope images, without a line of Python.

Nothing heavy is imported before the options of a command are known to be sound.
"""

import difflib
import importlib
import os
import sys
from typing import NamedTuple


class Command(NamedTuple):
    """A command: what it does, where its parser is made, and the function that does the work."""

    about: str
    parser: str
    work: str
    options: dict = {}


_OWN = "mrcnn.commands.own_objects:"
_OPTIONS = "mrcnn.options."
_WAFER, _HPA = "mrcnn.domains.wafer.commands.", "mrcnn.domains.hpa.commands."
COMMANDS = {
    "demo": Command(
        "draw synthetic micrographs, train, detect and evaluate, in minutes",
        f"{_OPTIONS}demo_arguments:demo_parser",
        "mrcnn.commands.demo:demo",
    ),
    "train": Command(
        "train a network on your own labelled images; without --dataset, on synthetic ones",
        f"{_OPTIONS}train_arguments:train_parser",
        f"{_OWN}train",
    ),
    "predict": Command(
        "detect objects in images, and write label images, overlays and tables",
        f"{_OPTIONS}predict_arguments:predict_parser",
        f"{_OWN}predict",
    ),
    "evaluate": Command(
        "compare the detections of a model with labelled images",
        f"{_OPTIONS}evaluate_arguments:evaluate_parser",
        f"{_OWN}evaluate",
    ),
    "compare": Command(
        "compare several models on the same labelled images",
        f"{_OPTIONS}evaluate_arguments:compare_parser",
        f"{_OWN}compare",
    ),
    "tune": Command("search for the best training settings", f"{_OPTIONS}tuning_arguments:tune_parser", f"{_OWN}tune"),
    "learning-curve": Command(
        "train on increasing numbers of images: how many are needed?",
        f"{_OPTIONS}learning_curve_arguments:learning_curve_parser",
        f"{_OWN}learning_curve",
    ),
    "info": Command(
        "say what a run, weight file, image or data set is",
        f"{_OPTIONS}info_arguments:info_parser",
        "mrcnn.commands.info:info",
    ),
    "doctor": Command(
        "say what a bug report needs: versions, devices, precision, memory",
        f"{_OPTIONS}doctor_arguments:doctor_parser",
        "mrcnn.commands.doctor:doctor",
    ),
}
WAFER = {
    "artificial": Command(
        "make artificial patches from a few labelled sections of a wafer: data sets for `mrcnn wafer train`",
        f"{_WAFER}artificial_arguments:artificial_parser",
        f"{_WAFER}artificial:write_artificial",
    ),
    "patches": Command(
        "cut a labelled wafer into folders of patches",
        f"{_WAFER}patches_arguments:patches_parser",
        f"{_WAFER}patches:cut_patches",
    ),
    "swap": Command(
        "exchange tissue and magnet in labels or patches where they were confused",
        f"{_WAFER}swap_arguments:swap_parser",
        f"{_WAFER}swap:swap",
    ),
    "train": Command(
        "train Mask R-CNN to detect tissue and magnetic resin of sections",
        f"{_WAFER}arguments:train_wafer_parser",
        f"{_WAFER}run:train",
    ),
    "predict": Command(
        "detect the sections of a whole wafer: centre and angle of each part",
        f"{_WAFER}arguments:predict_wafer_parser",
        f"{_WAFER}run:predict",
    ),
    "evaluate": Command(
        "evaluate on folders of patches, or on a whole labelled wafer",
        f"{_WAFER}arguments:evaluate_wafer_parser",
        f"{_WAFER}run:evaluate",
    ),
}
HPA = {
    "merge": Command(
        "merge the four grey images (one per stain) of each field into one image",
        f"{_HPA}merge_arguments:merge_parser",
        f"{_HPA}merge:merge",
    ),
    "classes": Command(
        "plot how often each class occurs in the labels of fields, or in annotations",
        f"{_HPA}annotation_arguments:classes_parser",
        f"{_HPA}annotations:plot_classes_of",
    ),
    "convert": Command(
        "convert annotations, such as the XML files of LabelImg, to annot.txt",
        f"{_HPA}annotation_arguments:convert_parser",
        f"{_HPA}annotations:convert",
    ),
    "train": Command(
        "train Faster R-CNN or Mask R-CNN on annotated cells", f"{_HPA}arguments:train_parser", f"{_HPA}run:train"
    ),
    "predict": Command(
        "detect cells and write tables of their boxes", f"{_HPA}arguments:predict_parser", f"{_HPA}run:predict"
    ),
    "evaluate": Command(
        "evaluate a model on annotated cells", f"{_HPA}arguments:evaluate_parser", f"{_HPA}run:evaluate"
    ),
    "compare": Command("compare models on annotated cells", f"{_HPA}arguments:compare_parser", f"{_HPA}run:compare"),
}
GROUPS = {"wafer": ("brain sections on silicon wafers", WAFER), "hpa": ("cells of the Human Protein Atlas", HPA)}
_GAP = 18  # width of the column of commands in the help


def main(argv=None):
    """Run a command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    commands, name = COMMANDS, "mrcnn"
    if argv and argv[0] in GROUPS:
        about, commands = GROUPS[argv[0]]
        name = f"mrcnn {argv.pop(0)}"
    else:
        about = "Detect, segment and count objects in microscope images with Mask R-CNN, Faster R-CNN, U-Net or FCN."
    if argv[:1] == ["--version"]:
        print(f"mrcnn {_version()}")
        return 0
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_help(name, about, commands))
        return 0 if argv else 2
    if argv[0] not in commands:
        print(_unknown(name, argv[0], commands), file=sys.stderr)
        return 2
    return _run(f"{name} {argv[0]}", commands[argv[0]], argv)


def _run(name, command, argv):
    from mrcnn.options.arguments import run

    parser = _found(command.parser)(_sentence(command.about), **command.options)
    parser.prog = name
    options = vars(parser.parse_args(argv[1:]))

    def work():
        function = _found(command.work)
        if name == "mrcnn tune":
            return function(options, [sys.executable, "-m", "mrcnn", *argv])
        return function(options)

    return run(work)


def _found(where):
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _version():
    import mrcnn

    return mrcnn.__version__


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def _help(name, about, commands):
    lines = [f"usage: {name} COMMAND [options]", "", about if name == "mrcnn" else _sentence(about), "", "commands:"]
    lines += [f"  {word:{_GAP}}{command.about}" for word, command in commands.items()]
    if commands is COMMANDS:
        lines += ["", "for one kind of specimen:"]
        lines += [f"  {word + ' COMMAND':{_GAP}}{said} ({', '.join(own)})" for word, (said, own) in GROUPS.items()]
    return "\n".join([*lines, "", f"The options of a command: {name} COMMAND --help. The version: mrcnn --version."])


def _unknown(name, word, commands):
    near = difflib.get_close_matches(word, [*commands, *(GROUPS if commands is COMMANDS else ())], n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"Choose from {', '.join(commands)}; see {name} --help."
    return f"error: {name} has no command '{word}'. {hint}"


def entry():
    """Entry point of the installed program."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # as in `mrcnn --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    entry()
