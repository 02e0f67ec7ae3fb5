"""The program `mrcnn`: commands, their help, and mistakes in one clear line."""

import importlib
import inspect
import json
import os
import subprocess
import sys

import pytest

import mrcnn
from mrcnn import __main__ as program

ALL = [(command,) for command in program.COMMANDS] + [
    (group, command) for group, (_, commands) in program.GROUPS.items() for command in commands
]


def command_of(words):
    return program.COMMANDS[words[0]] if len(words) == 1 else program.GROUPS[words[0]][1][words[1]]


def test_help_lists_every_command(capsys):
    for words in (["--help"], ["-h"], ["help"]):
        assert program.main(words) == 0
        text = capsys.readouterr().out
        assert all(f"\n  {name} " in text for name in (*program.COMMANDS, *program.GROUPS))
        assert all(command.about in text for command in program.COMMANDS.values())
        assert text.startswith("usage: mrcnn COMMAND") and max(map(len, text.splitlines())) < 120
    for group, (about, commands) in program.GROUPS.items():
        assert program.main([group, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"usage: mrcnn {group} COMMAND" in text and about[1:] in text
        assert all(f"\n  {name} " in text for name in commands)


def test_without_a_command_the_help_is_shown_and_it_is_a_mistake(capsys):
    for words in ([], ["wafer"], ["hpa"]):
        assert program.main(words) == 2 and "commands:" in capsys.readouterr().out


def test_version(capsys):
    assert program.main(["--version"]) == 0
    assert capsys.readouterr().out == f"mrcnn {mrcnn.__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["prdict"], "mrcnn has no command 'prdict'. Did you mean predict?"),
        (["evalute", "--weights", "x"], "Did you mean evaluate?"),
        (["wafr"], "Did you mean wafer?"),
        (["wafer", "trian"], "mrcnn wafer has no command 'trian'. Did you mean train?"),
        (["hpa", "doctor"], "mrcnn hpa has no command 'doctor'. Choose from merge, "),
        (["zzz"], "Choose from demo, train"),
        (["--hlep"], "no command '--hlep'"),
    ],
)
def test_unknown_commands_are_one_line_with_a_suggestion(words, hint, capsys):
    assert program.main(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and said.err.startswith("error: ") and hint in said.err


HELP = """
import importlib, io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from mrcnn.__main__ import main
said = {}
for words in json.loads(sys.argv[1]):
    text = io.StringIO()
    try:
        with redirect_stdout(text), redirect_stderr(text):
            code = main([*words, "--help"])
    except SystemExit as ended:
        code = ended.code
    except Exception as error:
        code = f"{type(error).__name__}: {error}"
    heavy = [name for name in ("keras", "tensorflow", "jax", "numpy", "pandas", "matplotlib") if name in sys.modules]
    said[" ".join(words)] = [code, text.getvalue(), heavy]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def helps():
    done = subprocess.run(
        [sys.executable, "-c", HELP, json.dumps(ALL)], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_of_every_command_works_and_loads_nothing_heavy(helps, words):
    code, text, heavy = helps[" ".join(words)]
    assert code == 0 and heavy == []
    flat = " ".join(text.split())
    assert flat.startswith(f"usage: mrcnn {' '.join(words)} [-h]")
    assert program._sentence(command_of(words).about) in flat or "`" in command_of(words).about
    assert "%(" not in text and "None" not in text.replace("None:", "")


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_work_of_every_command_is_there_and_takes_the_options(words):
    module, _, name = command_of(words).work.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    signature.bind({}, []) if words == ("tune",) else signature.bind({})


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_mistyped_option_ends_with_code_2_and_the_name_of_the_command(words, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main([*words, "--no-such-option"])
    assert ended.value.code == 2
    assert f"mrcnn {' '.join(words)}: error:" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "option", [["--tile", "5"], ["--object-size", "0"], ["--write", "everything"], ["--dask", "local"]]
)
def test_bad_values_end_with_code_2(option, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(["predict", "--weights", "w", *option, "a.tif"])
    assert ended.value.code == 2 and f"error: argument {option[0]}" in capsys.readouterr().err.splitlines()[-1]


def test_missing_weights_are_one_line(tmp_path, capsys):
    assert program.main(["predict", "--weights", str(tmp_path / "none"), "--out", str(tmp_path / "o"), "a.tif"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said and str(tmp_path / "none") in said


def test_tune_is_told_how_to_start_itself(monkeypatch):
    called = []
    monkeypatch.setattr("mrcnn.commands.own_objects.tune", lambda *given: called.append(given) or 0)
    assert program.main(["tune", "--trials", "3"]) == 0
    ((options, command),) = called
    assert options["trials"] == 3 and command == [sys.executable, "-m", "mrcnn", "tune", "--trials", "3"]


def test_ctrl_c_is_code_130(monkeypatch, capsys):
    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mrcnn.commands.own_objects.predict", stopped)
    assert program.main(["predict", "--weights", "w", "a.tif"]) == 130 and "Interrupted" in capsys.readouterr().err


def test_as_a_program_and_in_a_closed_pipe():
    done = subprocess.run([sys.executable, "-m", "mrcnn", "--version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == f"mrcnn {mrcnn.__version__}\n" and done.stderr == ""
    done = subprocess.run([sys.executable, "-m", "mrcnn", "trian"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "Did you mean train?" in done.stderr
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mrcnn", "--help"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60
        )
    finally:
        os.close(write)
    assert done.returncode == 1 and done.stderr == ""


def test_a_command_whose_output_nobody_reads_any_more_ends_without_a_word():
    code = (
        "import sys; from mrcnn.options.arguments import run\n"
        "def work():\n"
        "    print('x' * 100_000, flush=True)\n"
        "sys.exit(run(work))"
    )
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(write)
    assert done.returncode == 1 and done.stderr == ""
