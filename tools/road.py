"""Draw the way of an image through `mrcnn predict`, from its file to the tables, with the modules that it passes.

python tools/road.py             # writes docs/figures/road.png; fails if a module does not exist
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGE = ROOT / "docs" / "figures" / "road.png"
# Title, what happens, and the modules. Two columns in a step are two ways of which an image takes one.
STEPS = (
    (("find", "files, folders, patterns; names that tell images apart", ("commands/inputs",)),),
    (("open", "size, pages, channels and pixel size, from the header", ("images/source", "commands/pages")),),
    (
        ("read whole", "the next images, in threads", ("images/image_source",)),
        ("read by window", "more than 64 million pixels", ("images/tiff_windows", "images/zarr_source")),
    ),
    (
        (
            "prepare",
            "rows and reduction as in training, channels, one rule for grey levels",
            ("data/prepared", "data/molding", "data/grey_levels", "data/window_levels"),
        ),
    ),
    (
        (
            "bring to the learnt scale",
            "--object-size: by pixel size, by diameter, or found",
            ("commands/scaling", "inference/scale", "inference/find_scale"),
        ),
    ),
    (
        ("detect whole", "fits into the network's image", ("inference/streaming", "inference/detection")),
        ("detect in tiles", "larger; resumable, on Dask", ("inference/tiling", "inference/tile_store")),
    ),
    (
        (
            "Instances, in pixels of the image as given",
            "masks placed back, tiles joined",
            ("inference/unmolding", "geometry/stitching", "geometry/rescale"),
        ),
    ),
    (
        (
            "write, page by page",
            "--write: labels, overlay, ROIs, volumes, cells; rows of the tables",
            ("commands/predict_worker", "commands/predict_writers", "results/*"),
        ),
    ),
    (("join", "parts to instances.csv, summary.csv, detections.json", ("commands/predict", "results/parts")),),
)
WIDTH, HEIGHT, GAP = 10.0, 1.0, 0.32


def missing_modules():
    """Modules of the picture that do not exist."""
    named = [name for step in STEPS for _, _, names in step for name in names]
    return [name for name in named if not list((ROOT / "mrcnn").glob(f"{name}.py"))]


def draw(path):
    """Draw the steps from top to bottom."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(8.5, 0.82 * len(STEPS) * (HEIGHT + GAP)), layout="constrained")
    for number, step in enumerate(STEPS):
        top = -number * (HEIGHT + GAP)
        width = WIDTH / len(step)
        for place, (title, about, names) in enumerate(step):
            left, middle = place * width + 0.06, (place + 0.5) * width
            ax.add_patch(
                plt.Rectangle((left, top - HEIGHT), width - 0.12, HEIGHT, facecolor="#dce9f5", edgecolor="#33658a")
            )
            ax.text(middle, top - 0.22, title, ha="center", va="center", fontsize=10, weight="bold")
            ax.text(middle, top - 0.5, about, ha="center", va="center", fontsize=8.5)
            ax.text(middle, top - 0.79, ", ".join(names), ha="center", va="center", fontsize=8, family="monospace")
        if number:
            ax.annotate(
                "",
                (WIDTH / 2, top),
                (WIDTH / 2, top + GAP),
                arrowprops={"arrowstyle": "-|>", "color": "#33658a", "shrinkA": 0, "shrinkB": 0},
            )
    ax.set(xlim=(0, WIDTH), ylim=(-len(STEPS) * (HEIGHT + GAP) + GAP - 0.05, 0.05))
    ax.set_axis_off()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Draw the picture; returns the exit code."""
    missing = missing_modules()
    if missing:
        print(f"These modules do not exist: {', '.join(missing)}")
        return 1
    draw(IMAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
