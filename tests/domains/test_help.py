"""Options of the commands of `domains` load nothing heavy, so that `--help` and mistyped options answer at once."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_options_import_nothing_heavy():
    files = sorted((ROOT / "mrcnn" / "domains").rglob("*arguments.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    assert "mrcnn.domains.hpa.commands.merge_arguments" in names and len(names) > 2
    code = f"import json, sys, {', '.join(names)}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "keras", "tensorflow", "jax", "pandas", "matplotlib", "skimage"} & set(json.loads(loaded))
