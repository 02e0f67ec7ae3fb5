"""Run the install cell and some notebooks in an environment with the packages that Google Colab preinstalls.

    python tools/simulate_colab.py WORK --python python3.12
    python tools/simulate_colab.py WORK2 --python python3.12 --tensorflow 2.20.0 --keras 3.13.2

Requires Linux, git, network access, 3 GB in the folder WORK and the extra `test`, and takes a few minutes. The cell
clones this working tree, including uncommitted changes. The script checks that the cell stops with a one-sentence
message if it cannot continue, moves an incomplete clone aside and replaces no installed package, and that notebooks
run both in the kernel that ran the installation and in a new one.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from install_cell import PLACEHOLDER, install_cell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
# Colab's packages in February 2026 (pip-freeze.gpu.txt in github.com/googlecolab/backend-info); pip adds dependencies.
PREINSTALLED = """
    certifi==2026.1.4 dask==2026.1.1 defusedxml==0.7.1 distributed==2026.1.1 fsspec==2025.3.0 google-crc32c==1.8.0
    h5py==3.15.1 ImageIO==2.37.2 ipykernel==6.17.1 ipython==7.34.0 matplotlib==3.10.0 numpy==2.0.2 packaging==26.0
    pandas==2.2.2 pillow==11.3.0 pip==24.1.2 protobuf==5.29.6 requests==2.32.4 scikit-image==0.25.2 scipy==1.16.3
    setuptools==75.2.0 shapely==2.1.2 tifffile==2026.2.20 tornado==6.5.1 tqdm==4.67.3 traitlets==5.7.1
    typing_extensions==4.15.0 wrapt==2.1.1
""".split()
# Colab's kernel always provides this module.
AS_COLAB = 'import sys, types; sys.modules["google.colab"] = types.ModuleType("google.colab")'


class Colab:
    """A folder in place of /content, a Python with the packages that Colab preinstalls, and a repository to clone."""

    def __init__(self, work):
        self.content, self.repository, self.runtime = work / "content", work / "repository.git", work / "runtime"
        self.clone, self.python = self.content / "mrcnn", self.runtime / "bin" / "python"
        self.address = self.repository.as_uri()

    def prepare(self, python, packages):
        """Create everything that is missing; the repository is always created anew."""
        shutil.rmtree(self.content, ignore_errors=True)
        shutil.rmtree(self.repository, ignore_errors=True)
        self.content.mkdir(parents=True)
        preinstalled = self.runtime / "preinstalled.txt"
        if not preinstalled.exists():
            subprocess.run([python, "-m", "venv", self.runtime], check=True)
            subprocess.run([self.python, "-m", "pip", "install", "-q", *packages], check=True)
            preinstalled.write_text("\n".join(self.freeze()), encoding="utf-8")
        for line in self.freeze() - set(preinstalled.read_text(encoding="utf-8").splitlines()):
            name = re.match(r"[\w.-]+", line).group()  # added by an earlier simulation
            subprocess.run([self.python, "-m", "pip", "uninstall", "-q", "-y", name], check=True)
        git = ["git", "--git-dir", self.repository, "--work-tree", ROOT]
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.repository], check=True)
        subprocess.run([*git, "add", "--all", "."], check=True, cwd=ROOT)
        subprocess.run(
            [*git, "-c", "user.name=none", "-c", "user.email=none", "commit", "-q", "-m", "Working tree"],
            check=True,
            cwd=ROOT,
        )
        kernel = self.content.parent / "jupyter" / "kernels" / "colab"
        kernel.mkdir(parents=True, exist_ok=True)
        command = [
            str(self.python),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
            f"--IPKernelApp.exec_lines={AS_COLAB}",
        ]
        about = {"argv": command, "display_name": "Colab", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(about), encoding="utf-8")
        os.environ["JUPYTER_PATH"] = str(kernel.parents[1])

    def freeze(self):
        """The installed distributions, one line each."""
        done = subprocess.run([self.python, "-m", "pip", "freeze", "--all"], check=True, capture_output=True, text=True)
        return set(done.stdout.splitlines())

    def run(self, *cells, **environment):
        """Run cells in a new kernel; returns their text output, or name and message of the error of a failing cell."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        client = NotebookClient(
            notebook, timeout=1800, kernel_name="colab", resources={"metadata": {"path": str(self.content)}}
        )
        unset = {"PYTHONPATH": "", "MRCNN_NOTEBOOK_FAST": "1", "MRCNN_COLAB_FOLDER": str(self.clone)}
        try:
            client.execute(env={**os.environ, **unset, **environment})
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}"
        return "".join(o.get("text", "") for cell in notebook.cells for o in cell.outputs)

    def notebook(self, name):
        """The cells of a notebook, with the address of this repository."""
        cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        return [install_cell(self.address), *code[1:]]


def check(what, right, found=""):
    """Report a step; stop at the first failure."""
    print(f"{time.strftime('%H:%M:%S')} {'ok   ' if right else 'WRONG'} {what}", flush=True)
    if not right:
        sys.exit(str(found))


def steps(colab):
    """Check what users may experience, one case after the other."""
    cell, where = install_cell(colab.address), "import mrcnn, os; print(mrcnn.__file__, os.getcwd())"
    said = colab.run(install_cell(PLACEHOLDER))
    check("the address is not set", said.startswith("SystemExit: Set ADDRESS") and not colab.clone.exists(), said)
    said = colab.run(install_cell("https://repository.invalid/mrcnn"))
    check("no network for git", said.startswith("SystemExit: Cannot fetch") and not colab.clone.exists(), said)

    (colab.clone / "mrcnn").mkdir(parents=True)
    (colab.content / "mrcnn.part" / ".git").mkdir(parents=True)
    said = colab.run(cell, PIP_INDEX_URL="http://127.0.0.1:9", PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull)
    check("no network for pip", said.startswith("SystemExit: pip could not install mrcnn"), said)
    put_aside = {p.name for p in colab.content.iterdir()}
    check("an incomplete clone is moved aside", put_aside == {"mrcnn", "mrcnn.~1~"}, put_aside)

    before = colab.freeze()
    said = colab.run("import numpy, PIL.Image, pandas", *colab.notebook("inspect_data"), where)
    check("inspect_data runs in the kernel that ran the installation", str(colab.runtime) in said, said)
    after = colab.freeze()
    check(f"no package is replaced; new: {', '.join(sorted(after - before))}", before <= after, before - after)

    said = colab.run(cell, cell, where, PIP_INDEX_URL="http://127.0.0.1:9")
    right = f"{colab.runtime}" in said and said.rstrip().endswith(str(colab.clone / "notebooks"))
    check("the cell runs twice after a restart, without network", right, said)
    check("the clone is not nested", not (colab.clone / "notebooks" / "mrcnn").exists())
    said = colab.run(*colab.notebook("mitochondria_2_training"), where)
    check("mitochondria_2_training runs after a restart", str(colab.runtime) in said, said)
    check("this notebook replaces no package", colab.freeze() == after)


def main():
    """Prepare the environment and run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder to keep the environment in")
    parser.add_argument("--python", default="python3.12", help="Colab's Python (default: %(default)s)")
    parser.add_argument("--tensorflow", default="2.19.0", help="version (default: %(default)s)")
    parser.add_argument("--keras", default="3.10.0", help="version (default: %(default)s)")
    args = parser.parse_args()
    frameworks = [f"tensorflow=={args.tensorflow}", f"keras=={args.keras}"]
    colab = Colab(args.work.resolve())
    colab.prepare(args.python, [*PREINSTALLED, *frameworks])
    steps(colab)


if __name__ == "__main__":
    main()
