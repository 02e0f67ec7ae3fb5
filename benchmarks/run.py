"""Comparison with torchvision's Mask R-CNN or Faster R-CNN, alternating on one machine: medians and their ratios.

    python benchmarks/run.py [--model mask|faster] [--peer-python PYTHON] [--rounds 3] [--out benchmarks/latest.json]

Absolute times do not transfer to other machines; the ratio of medians measured in one run is more meaningful. The peer
runs in the Python given by --peer-python, which needs torch and torchvision; without it, only this package is timed.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


# torchvision's RPN, Matterport's RPN.
WIDTHS = (256, 512)


def run(python, script, *arguments):
    """Run a benchmark script and return the JSON it prints."""
    command = [*python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(what, rounds, steps, peer, model):
    """Results of this package at each width and of the peer, alternating for `rounds` rounds."""
    results = {name: [] for name in (*WIDTHS, "peer")}
    task = ("--what", what, "--steps", steps, "--model", model)
    for i in range(rounds):
        widths = WIDTHS[:: 1 if i % 2 == 0 else -1]
        results[widths[0]].append(run([sys.executable], "ours.py", *task, "--rpn-width", widths[0]))
        if peer:
            results["peer"].append(run(peer, "torchvision_peer.py", *task))
        results[widths[1]].append(run([sys.executable], "ours.py", *task, "--rpn-width", widths[1]))
    return {name: merged(found) for name, found in results.items() if found}


def merged(results):
    """Median over the steps of all rounds, and the highest peak memory."""
    seconds = [s for r in results for s in r["seconds"]]
    return {"median_s": statistics.median(seconds), "peak_gb": max(r["peak_gb"] for r in results), "rounds": results}


def row(what, width, ours, theirs):
    """One line of the table; without a peer, the comparison is left out."""
    line = f"{what:8}{width:>10}{ours['median_s']:>9.3f}s"
    if not theirs:
        return f"{line}{'':21}{ours['peak_gb']:>8.2f}"
    time_ratio, memory_ratio = (ours[key] / theirs[key] for key in ("median_s", "peak_gb"))
    line += f"{theirs['median_s']:>12.3f}s{time_ratio:>8.2f}{ours['peak_gb']:>8.2f}"
    return f"{line}{theirs['peak_gb']:>9.2f}{memory_ratio:>8.2f}"


def main():
    """Run the benchmarks, print the results and save them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["mask", "faster"], default="mask", help="with or without masks")
    parser.add_argument(
        "--peer-python", help="Python interpreter (or command that runs one) with torch and torchvision"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    peer = arguments.peer_python.split() if arguments.peer_python else None
    table = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "model": arguments.model,
    }
    print(f"{'':8}{'RPN width':>10}{'mrcnn':>10}{'torchvision':>13}{'ratio':>8}{'GB':>8}{'GB peer':>9}{'ratio':>8}")
    for what in ("train", "detect"):
        table[what] = measure(what, arguments.rounds, arguments.steps, peer, arguments.model)
        if what == "train":
            positives = {name: found["rounds"][0]["positives"] for name, found in table[what].items()}
            print("regions that hit an object in a training step:", ", ".join(f"{n} {v}" for n, v in positives.items()))
        for width in WIDTHS:
            print(row(what, width, table[what][width], table[what].get("peer")), flush=True)
    prepared = run([sys.executable], "ours.py", "--what", "prepare", "--steps", 20, "--model", arguments.model)
    table["prepare"] = prepared
    table["prepare_share"] = prepared["median_s"] / table["train"][WIDTHS[0]]["median_s"]
    milliseconds = prepared["median_s"] * 1000
    print(f"preparing a sample takes {milliseconds:.1f} ms, {table['prepare_share']:.1%} of a training step")
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
