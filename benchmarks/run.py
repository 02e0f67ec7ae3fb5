"""This package beside torchvision's Mask R-CNN, in turn on one machine; prints a table of medians and their ratios.

    python benchmarks/run.py [--peer-python PYTHON] [--rounds 3] [--out benchmarks/latest.json]

Absolute times say little about another machine; the ratio of medians measured in one run does. The peer runs in the
Python named by --peer-python, which needs torch and torchvision; without it only this package is timed.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(python, script, what, steps):
    """The JSON that a benchmark script prints."""
    command = [*python, str(HERE / script), "--what", what, "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script} --what {what} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(python, script, what, rounds, steps, other=None):
    """Results of `rounds` runs of one library, and of the other in between."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run(python, script, what, steps))
        if other:
            theirs.append(run(other, "torchvision_peer.py", what, steps))
    return ours, theirs


def merged(results):
    """Median over all rounds' steps, and the largest peak memory."""
    seconds = [s for r in results for s in r["seconds"]]
    return {"median_s": statistics.median(seconds), "peak_gb": max(r["peak_gb"] for r in results), "rounds": results}


def main():
    """Run, print, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="a Python, or a command that runs one, with torch and torchvision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    peer = arguments.peer_python.split() if arguments.peer_python else None
    table = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
    print(f"{'':10}{'mrcnn':>10}{'torchvision':>13}{'ratio':>8}{'GB':>8}{'GB peer':>9}{'ratio':>8}")
    for what in ("train", "detect"):
        ours, theirs = measure([sys.executable], "ours.py", what, arguments.rounds, arguments.steps, peer)
        row = table[what] = {"ours": merged(ours)}
        line = f"{what:10}{row['ours']['median_s']:>9.3f}s"
        if theirs:
            row["peer"] = merged(theirs)
            row["time_ratio"] = row["ours"]["median_s"] / row["peer"]["median_s"]
            row["memory_ratio"] = row["ours"]["peak_gb"] / row["peer"]["peak_gb"]
            line += f"{row['peer']['median_s']:>12.3f}s{row['time_ratio']:>8.2f}{row['ours']['peak_gb']:>8.2f}"
            line += f"{row['peer']['peak_gb']:>9.2f}{row['memory_ratio']:>8.2f}"
        print(line, flush=True)
    prepared = run([sys.executable], "ours.py", "prepare", 20)
    table["prepare"] = prepared
    table["prepare_share"] = prepared["median_s"] / table["train"]["ours"]["median_s"]
    milliseconds = prepared["median_s"] * 1000
    print(f"preparing a sample takes {milliseconds:.1f} ms, {table['prepare_share']:.1%} of a training step")
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
