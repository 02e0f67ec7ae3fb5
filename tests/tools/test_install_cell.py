"""The script that writes the notebooks' install cell, and what the cell does in a kernel that passes for Colab's."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://github.com/somebody/fork"
AS_COLAB = 'import sys, types\nsys.modules["google.colab"] = types.ModuleType("google.colab")'
needs_git = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("git"), reason="Colab is Linux with git.")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("install_cell", ROOT / "tools" / "install_cell.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def notebooks(tmp_path):
    """A copy of the notebooks."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def pyproject(tmp_path):
    """Callable: a pyproject.toml with this address, or without any."""

    def write(address=None):
        path = tmp_path / "pyproject.toml"
        urls = f'[project.urls]\nRepository = "{address}"\n' if address else ""
        path.write_text(f'[project]\nname = "mrcnn-keras"\n{urls}', encoding="utf-8")
        return path

    return write


def test_the_notebooks_are_up_to_date(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().out


def test_all_notebooks_get_the_same_cell_and_a_gpu(script, notebooks, pyproject):
    options = ["--notebooks", str(notebooks), "--pyproject", str(pyproject(ADDRESS))]
    assert script.main([*options, "--check"]) == 1
    assert script.main(options) == 0
    assert script.main([*options, "--check"]) == 0
    for path in notebooks.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.accelerator == "GPU"
        assert notebook.cells[1].source == script.install_cell(ADDRESS)
        assert f"github/somebody/fork/blob/main/notebooks/{path.name})" in notebook.cells[0].source


def test_only_first_two_cells_and_metadata_change(script, notebooks, pyproject):
    def others():
        return [json.loads(p.read_text(encoding="utf-8"))["cells"][2:] for p in sorted(notebooks.glob("*.ipynb"))]

    before = others()
    script.main(["--notebooks", str(notebooks), "--pyproject", str(pyproject(ADDRESS))])
    assert others() == before


def test_check_changes_nothing_and_names_what_differs(script, notebooks, pyproject, capsys):
    options = ["--notebooks", str(notebooks), "--pyproject", str(pyproject())]
    script.main(options)
    before = {p: p.read_bytes() for p in notebooks.iterdir()}
    capsys.readouterr()
    pyproject(ADDRESS)
    assert script.main([*options, "--check"]) == 1
    assert {p: p.read_bytes() for p in notebooks.iterdir()} == before
    assert capsys.readouterr().out.count(": out of date; run python tools/install_cell.py") == len(before)


def test_a_notebook_without_the_cell_is_named(script, notebooks):
    path = notebooks / "own.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell("# Own"), nbformat.v4.new_code_cell("import mrcnn")]
        ),
        path,
    )
    with pytest.raises(SystemExit, match="own.ipynb: the second cell is not the install cell. Insert"):
        script.main(["--notebooks", str(notebooks)])


@pytest.mark.parametrize(
    ("given_address", "address"),
    [
        (None, "https://github.com/OWNER/REPOSITORY"),
        (ADDRESS, ADDRESS),
        (f"{ADDRESS}.git", ADDRESS),
        (f"{ADDRESS}/", ADDRESS),
    ],
)
def test_the_address_is_that_of_pyproject(script, pyproject, given_address, address):
    assert script.repository_address(pyproject(given_address)) == address


def test_a_badge_only_where_colab_can_open_the_notebook(script):
    assert script.badge(script.PLACEHOLDER, "a.ipynb") is None
    assert script.badge("https://gitlab.com/somebody/fork", "a.ipynb") is None
    assert script.badge(ADDRESS, "a.ipynb").startswith("[![Open in Colab](https://colab.research.google.com/assets/")


@given(title=st.text("ab #", min_size=1), body=st.lists(st.text("ab [!]()"), max_size=5))
def test_the_badge_comes_below_the_title_and_goes_without_a_trace(script, title, body):
    text = "\n".join([f"# {title}", "", *body])
    mark, other = (script.badge(ADDRESS, name) for name in ("a.ipynb", "b.ipynb"))
    marked = script.with_badge(text, mark)
    assert marked.split("\n")[:3] == [f"# {title}", "", mark]
    assert script.with_badge(marked, other) == script.with_badge(text, other)
    assert script.with_badge(marked, None) == text


@pytest.mark.parametrize("address", ["https://github.com/OWNER/REPOSITORY", ADDRESS])
def test_the_cell_is_short(script, address):
    lines = script.install_cell(address).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 88


def git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=none", "-c", "user.email=none", *arguments], cwd=folder, check=True)


@pytest.fixture
def repository(tmp_path):
    """A repository whose setup notes each time that it is run."""
    folder = tmp_path / "repository"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks" / "colab_setup.py").write_text('print("set up as", __name__)\n', encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "A setup")
    return folder.as_uri()


def in_kernel(tmp_path, *cells):
    """Run the cells in a new kernel; the text that they print, and the message of what stopped it, or None."""
    content = tmp_path / "content"
    content.mkdir(exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(content)}}
    )
    stopped = None
    try:
        client.execute(env={**os.environ, "MRCNN_COLAB_FOLDER": str(content / "mrcnn")})
    except CellExecutionError as error:
        stopped = f"{error.ename}: {error.evalue}"
    return "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", [])), stopped


WHERE = "import os; print('in', os.getcwd())"


def test_elsewhere_than_on_colab_it_does_nothing(script, tmp_path):
    said, stopped = in_kernel(tmp_path, script.install_cell(ADDRESS), WHERE)
    assert (said, stopped) == (f"in {tmp_path / 'content'}\n", None)
    assert list((tmp_path / "content").iterdir()) == []


@needs_git
def test_on_colab_it_clones_once_and_goes_into_the_notebooks(script, tmp_path, repository):
    cell, notebooks = script.install_cell(repository), tmp_path / "content" / "mrcnn" / "notebooks"
    said, stopped = in_kernel(tmp_path, AS_COLAB, cell, cell, WHERE)
    assert (said, stopped) == (f"set up as __main__\nset up as __main__\nin {notebooks}\n", None)
    assert [p.name for p in notebooks.iterdir()] == ["colab_setup.py"]
    # After a restart of the session the clone is there, and the repository need not be.
    away = script.install_cell((tmp_path / "away").as_uri())
    assert in_kernel(tmp_path, AS_COLAB, away, WHERE) == (f"set up as __main__\nin {notebooks}\n", None)


@needs_git
def test_on_colab_half_a_clone_is_put_aside(script, tmp_path, repository):
    content = tmp_path / "content"
    (content / "mrcnn.part" / ".git").mkdir(parents=True)
    for n in (1, 2):
        (content / "mrcnn").mkdir()
        (content / "mrcnn" / f"mine{n}").touch()
        assert in_kernel(tmp_path, AS_COLAB, script.install_cell(repository))[1] is None
        shutil.rmtree(content / "mrcnn")
    assert sorted(p.relative_to(content).as_posix() for p in content.rglob("*")) == [
        "mrcnn.~1~",
        "mrcnn.~1~/mine1",
        "mrcnn.~2~",
        "mrcnn.~2~/mine2",
    ]


@needs_git
def test_on_colab_a_failed_clone_stops_the_notebook(script, tmp_path):
    away = (tmp_path / "away").as_uri()
    said, stopped = in_kernel(tmp_path, AS_COLAB, script.install_cell(away), "print('went on')")
    assert stopped == f"SystemExit: Cannot fetch {away}: check it and the network."
    assert "went on" not in said
    assert list((tmp_path / "content").iterdir()) == []


@needs_git
def test_on_colab_the_placeholder_is_never_fetched(script, tmp_path):
    said, stopped = in_kernel(tmp_path, AS_COLAB, script.install_cell(script.PLACEHOLDER), "print('went on')")
    assert stopped == "SystemExit: Set ADDRESS, in this cell, to mrcnn's repository."
    assert "went on" not in said
    assert list((tmp_path / "content").iterdir()) == []
