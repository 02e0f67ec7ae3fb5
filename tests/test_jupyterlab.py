"""Two notebooks in JupyterLab in a real browser, as a user runs them: Run All Cells, then a look at the page.

nbclient (test_notebooks.py) runs all notebooks; this shows what only a browser shows: boxes of stderr, images that are
missing, pages that are wider than the window.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import mrcnn

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1280, 900
# Chromium refuses its sandbox to root, and looks for updates unless told not to.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# Least number of images that each must show.
IMAGES = {"inspect_data": 22, "mitochondria_2_training": 6}


def _chromium():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(_chromium() is None, reason="There is no Chromium here (Debian: apt-get install chromium)."),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None or importlib.util.find_spec("jupyterlab") is None,
        reason="Needs JupyterLab and Playwright: pip install '.[test]'",
    ),
]


@pytest.fixture(scope="module")
def lab(workplace, tmp_path_factory):
    """Address of a JupyterLab that serves the workplace, with a user's settings of its own."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    # All cells stay in the page, so that each can be looked at.
    settings.write_text(json.dumps({"windowingMode": "none"}))
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        f"--port={port}",
        "--ip=127.0.0.1",
        "--allow-root",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        f"--ServerApp.root_dir={workplace}",
    ]
    env = {
        **os.environ,
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "MRCNN_NOTEBOOK_FAST": "1",
        "TMPDIR": str(home),
        "PYTHONPATH": str(Path(mrcnn.__file__).parents[1]),
    }
    # A kernel chooses its own way to draw and its own log level, which the tests have set for themselves.
    for name in ("MPLBACKEND", "TF_CPP_MIN_LOG_LEVEL"):
        env.pop(name, None)
    log = home / "server.log"
    with open(log, "w") as output:
        server = subprocess.Popen(command, env=env, cwd=workplace, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, log)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address, server, log):
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(f"JupyterLab has ended:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{address}/api", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("name", IMAGES)
def test_run_all_cells(name, lab, browser, tmp_path):
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    # The side bar is closed, so that the notebook has the window; the kernel must be there before anything is run.
    page.keyboard.press("Control+b")
    page.wait_for_function("() => document.body.innerText.includes('Python 3 (ipykernel) | Idle')", timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        """() => {
            const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map(e => e.textContent);
            const failed = document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
            return failed || (prompts.length && prompts.every(text => /^\\[\\d+\\]:/.test(text)));
        }""",
        timeout=300_000,
    )
    screenshots = Path(os.environ.get("MRCNN_SCREENSHOTS", tmp_path))
    _screenshots(page, screenshots, name)

    def texts(kind):
        return page.locator(f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]').all_inner_texts()

    assert texts("error") == []
    assert texts("stderr") == []
    images = page.evaluate("""() => [...document.querySelectorAll(".jp-OutputArea-output img")].map(
        e => [e.complete && e.naturalWidth, e.getBoundingClientRect().width])""")
    assert len(images) >= IMAGES[name]
    assert all(natural > 0 and 0 < shown < WIDTH for natural, shown in images)
    # What is wider than its cell can be scrolled to: nothing is cut off.
    cut = page.evaluate("""() => [...document.querySelectorAll(".jp-OutputArea-output table")].filter(table => {
        for (let e = table.parentElement; e && !e.matches(".jp-Notebook"); e = e.parentElement) {
            const way = getComputedStyle(e).overflowX;
            if (table.scrollWidth > e.clientWidth + 1 && way !== "visible") return way === "hidden";
        }
        return false;
    }).length""")
    assert cut == 0
    page.close()


def _screenshots(page, folder, name):
    """The page from top to bottom, a screen after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    scroller = page.locator(".jp-WindowedPanel-outer").first
    height = scroller.evaluate("e => e.scrollHeight")
    for i, top in enumerate(range(0, height, HEIGHT - 150)):
        scroller.evaluate("(e, top) => { e.scrollTop = top; }", top)
        page.screenshot(path=folder / f"{name}_{i:02}.png")
