"""Comparison of the U-Net with segmentation_models_pytorch, alternating on one machine: medians and their ratios.

    python benchmarks/semantic.py [--peer-python PYTHON] [--encoders mobilenet_v2,efficientnet_b0] [--rounds 3]
        [--out benchmarks/semantic_latest.json]

Training steps and predictions of 8 crops of 256 x 256 pixels, float32. The peer runs in the Python given by
--peer-python, which needs torch, segmentation_models_pytorch and timm. It runs in three variants: with a decoder like
that of this package in both memory formats of torch, and with its own `Unet`. `smp_peer.py` lists the remaining
differences. Ratios are given for wall-clock and CPU time. While other programs run, only CPU time is meaningful, and it
is most reliable on a single core (`taskset -c 0 python benchmarks/semantic.py ...`).
"""

import argparse
import json
import platform
import statistics
import sys
from pathlib import Path

from run import run

PEERS = {
    "alike": ("--decoder", "alike"),
    "alike, channels last": ("--decoder", "alike", "--channels-last"),
    "its own Unet": ("--decoder", "unet"),
}
AUGMENTATIONS = ("none", "normal", "strong")
CLOCKS = {"seconds": "median_s", "processor_seconds": "processor_median_s"}


def measure(what, encoder, rounds, steps, peer):
    """Results of this package and of each peer, alternating for `rounds` rounds."""
    results = {name: [] for name in ("mrcnn", *(PEERS if peer else ()))}
    task = ("--what", what, "--encoder", encoder, "--steps", steps)
    for i in range(rounds):
        for name in list(results)[:: 1 if i % 2 == 0 else -1]:
            python, script = ([sys.executable], "semantic_ours.py") if name == "mrcnn" else (peer, "smp_peer.py")
            results[name].append(run(python, script, *task, *PEERS.get(name, ())))
    return {name: merged(found) for name, found in results.items()}


def merged(results):
    """Medians over the steps of all rounds, and the highest peak memory."""
    medians = {median: statistics.median(s for r in results for s in r[values]) for values, median in CLOCKS.items()}
    return {**medians, "peak_gb": max(r["peak_gb"] for r in results), "rounds": results}


def row(name, found, ours):
    """One line of the table."""
    line = f"{name:30}" + "".join(f"{found[m]:>11.3f}s" for m in CLOCKS.values()) + f"{found['peak_gb']:>8.2f}"
    if found is ours:
        return line
    return line + "".join(f"{ours[m] / found[m]:>10.2f}" for m in (*CLOCKS.values(), "peak_gb"))


def main():
    """Run the benchmarks, print the results and save them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="Python interpreter (or command that runs one) with the peer")
    parser.add_argument("--encoders", default="mobilenet_v2,efficientnet_b0")
    parser.add_argument("--what", default="train,predict")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    peer = arguments.peer_python.split() if arguments.peer_python else None
    table = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
    print(f"{'':30}{'wall clock':>12}{'CPU':>12}{'GB':>8}   ratio to peer: wall clock, CPU, GB")
    for encoder in arguments.encoders.split(","):
        for what in arguments.what.split(","):
            found = table[f"{what} {encoder}"] = measure(what, encoder, arguments.rounds, arguments.steps, peer)
            print(f"{what}, {encoder}")
            for name, result in found.items():
                print(row(f"  {name}", result, found["mrcnn"]), flush=True)
    print("\npreparing a batch of 8 crops")
    for name in AUGMENTATIONS:
        prepared = run([sys.executable], "semantic_ours.py", "--what", "prepare", "--augmentation", name, "--steps", 20)
        table[f"prepare {name}"] = prepared
        shares = [
            f"{prepared['processor_median_s'] / found['mrcnn']['processor_median_s']:.1%} of a step of "
            f"{key.removeprefix('train ')}"
            for key, found in table.items()
            if key.startswith("train ")
        ]
        print(
            f"  augmentation {name}: {1000 * prepared['processor_median_s']:.1f} ms CPU time"
            + "".join(f", {share}" for share in shares),
            flush=True,
        )
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
