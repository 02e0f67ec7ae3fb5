"""Time until `import mrcnn` returns, until `--help` of a training script is printed, and until a model can be built.

    python benchmarks/startup.py [--rounds 5]

Each round starts new Python processes. The first round fills the disk cache and is not counted. The ratio to
`import numpy` in the same run transfers better to other machines than the seconds do.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "python without imports": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import mrcnn": ["-c", "import mrcnn"],
    "train.py --help": [str(ROOT / "samples" / "mitochondria" / "train.py"), "--help"],
    "from mrcnn import MaskRCNN": ["-c", "from mrcnn import MaskRCNN"],
}


def seconds(arguments):
    """Wall-clock time of one new Python process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env={**os.environ, "COLUMNS": "120"})
    return time.perf_counter() - started


def main():
    """Time all commands in alternation and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = {name: [] for name in COMMANDS}
    for i in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            found[name] += [seconds(arguments)][: min(i, 1)]
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(f"{'':28}{'median':>9}{'ratio to numpy':>17}")
    for name, median in medians.items():
        print(f"{name:28}{median:8.2f}s{median / medians['import numpy']:>17.2f}")


if __name__ == "__main__":
    main()
