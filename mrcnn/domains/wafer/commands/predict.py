"""Detect the sections of a whole wafer and write the results; helpers shared with the evaluation."""

from pathlib import Path

from mrcnn.commands.inputs import check_writable
from mrcnn.commands.limits import limit_sentences
from mrcnn.commands.older_runs import complete_older_run
from mrcnn.commands.own_results import OwnResults, refuse_taken
from mrcnn.commands.predict_tiles import keep_scale, kept_scale, scale_key
from mrcnn.commands.scaling import AUTO, PIXEL_SIZE, check_object_size, chosen_scale, percent
from mrcnn.commands.settings import OPTIONS_FILE, load_detector
from mrcnn.data.large.channels import DERIVED, ChannelStack
from mrcnn.domains.wafer.commands.pixel_size import pixel_size_um
from mrcnn.domains.wafer.domain import CHANNELS
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.labels.write import write_labelme
from mrcnn.domains.wafer.plot.overview import draw_wafer
from mrcnn.domains.wafer.sections.export import part_outline, section_counts, write_sections_csv, write_sections_json
from mrcnn.domains.wafer.sections.sections import pair_sections
from mrcnn.errors import ConfigError
from mrcnn.files import read_json, remove_drafts
from mrcnn.hardware import has_gpu, one_operation_at_a_time
from mrcnn.images.zarr_files import import_zarr
from mrcnn.inference.find_scale import find_scale
from mrcnn.inference.scale import default_scale, trained_scale
from mrcnn.inference.tiling import detect_tiled
from mrcnn.inference.whole_or_tiled import at_scale
from mrcnn.results.label_zarr import write_label_zarr
from mrcnn.training.checkpoints import resolve_weights

RESULTS = (
    "sections.csv",
    "sections.json",
    "sections_labelme.json",
    "sections_overlay.png",
    "sections_labels.ome.zarr",
)
TILE = 1024  # side of a tile in pixels of images at the scale of the training


def predict_wafer(domain, options):
    """Detect the sections of a wafer; options of `mrcnn.domains.wafer.commands.arguments.predict_wafer_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    if not options.get("no_zarr"):
        import_zarr()  # check before hours of detection, not afterwards
    stack = open_stack(options)
    options = {**options, "pixel_size_um": pixel_size_um(stack, options.get("pixel_size_um"))}
    one_operation_at_a_time()
    detector = load_detector(domain, options)
    complete_older_run(domain, detector, options["weights"])
    out = Path(options["out"])
    options = at_learnt_scale(detector, stack, options, out / "tiles")
    results = writable_results(out, stack, bool(options.get("overwrite")))
    print(
        f"Detecting in {stack.shape[0]} x {stack.shape[1]} pixels (rows x columns), channels "
        f"{', '.join(stack.names)}, tiles of {options['tile']} pixels."
    )
    instances = detect(detector, stack, options, out / "tiles")
    sections = pair_sections(instances)
    remove_drafts(out)
    results.claim((), (), RESULTS)
    write_results(out, stack, instances, sections, options)
    results.settle()
    counts = section_counts(sections)
    print(
        f"Found {counts['paired']} sections with tissue and magnetic part; without a partner: "
        f"{counts['tissue_alone']} tissue and {counts['magnet_alone']} magnetic parts. The results are in {out}."
    )
    if instances.limit_reached:
        print(*limit_sentences([("A tile of the wafer", instances.limit_reached)], detector.config), sep="\n")
    if not sections:
        print(
            "No sections were found. Check that the channels are in the right order. If sections are larger or smaller "
            "than in the training data, try --object-size auto; otherwise a lower --min-score."
        )
    return 0


def writable_results(out, stack, overwrite=False):
    """The `OwnResults` of a folder, after checks that the results can be written there and replace nothing else's.

    Raises
    ------
    DataError
        Nothing can be written there.
    ConfigError
        A file is there that this program did not write, or that was changed since, such as labels after proofreading.
    """
    check_writable(out)
    results = OwnResults(out)
    refuse_taken(results.taken((), (), RESULTS), out, stack.files.values(), overwrite)
    return results


def open_stack(options):
    """Open the channels of the wafer in the order that the model expects.

    Raises
    ------
    ConfigError, DataError
        A channel has no file, or a file cannot be used.
    """
    files = options["channels"]
    order = options.get("order") or trained_order(options["weights"])
    if order is None:
        order = CHANNELS if set(files) == set(CHANNELS) else tuple(files)
    needed = {"grey" if name == "edges" else name for name in order if name != "zeros"}
    missing, more = sorted(needed - set(files)), sorted(set(files) - needed)
    if missing or more:
        said = (
            f"no file for {', '.join(missing)}"
            if missing
            else f"a file for {', '.join(more)}, which the model does not use"
        )
        raise ConfigError(
            f"The model expects the channels {', '.join(order)}, but --channels gives {said}. Change "
            "--channels, or list the channels used in training with --order (computed from grey: "
            f"{' and '.join(DERIVED)})."
        )
    return ChannelStack(order, files)


def trained_order(weights):
    """The channels used in training, from the options file next to the weights; None if they are not recorded."""
    record = resolve_weights(weights).with_name(OPTIONS_FILE)
    try:
        options = read_json(record).get("dataset_option")
    except (OSError, ValueError):
        return None  # weights without a run, or from another program
    pairs = [pair for pair in options if isinstance(pair, list) and len(pair) == 2] if isinstance(options, list) else []
    chosen = dict(pairs).get("channels")
    return None if chosen is None else tuple(name.strip() for name in str(chosen).split(","))


def at_learnt_scale(detector, stack, options, tiles=None):
    """The options with `network_scale` by --object-size, and with the size of the tiles at this scale.

    `found_at_scale` in them is the same as a number: the size of the wafer in the network relative to the given images.

    Parameters
    ----------
    detector : MaskRCNN
    stack : ChannelStack
    options : dict
        With `object_size` as in `mrcnn.commands.scaling`; None: "pixel-size".
    tiles : Path, optional
        Folder in which a scale that is found is kept, for `resume`.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        The model does not fit the channels, the tiles or --object-size.
    """
    config, choice = detector.config, options.get("object_size") or PIXEL_SIZE
    check_channels(config, stack)
    check_object_size(choice, config)
    if choice == AUTO:
        scale, why = _found_scale(detector, stack, options, tiles)
        usual = scale == default_scale(config)
        how = "the scale of the training" if usual else f"{percent(scale)} of its size"
        print(f"The wafer is detected at {how}: {why}.")
    else:
        size = options.get("pixel_size_um")
        scale, sentence = chosen_scale(choice, config, None if size is None else tuple(1e3 * v for v in size))
        if sentence:
            print(sentence)
    factor = 1 if scale is None else scale / trained_scale(config)
    tile = options.get("tile") or round(TILE / factor)
    check_fit(config, tile, trained_scale(config) if scale is None else scale)
    found_at = trained_scale(config) if scale is None else scale
    return {**options, "network_scale": scale, "found_at_scale": float(found_at), "tile": tile}


def _found_scale(detector, stack, options, tiles):
    if tiles is None or not options.get("resume") and any(tiles.glob("tile_*.npz")):
        return find_scale(detector, stack)  # `detect` refuses tiles of an earlier run
    key = scale_key(detector, stack.files.values())
    found = (kept_scale(tiles, key) if options.get("resume") else None) or find_scale(detector, stack)
    keep_scale(tiles, key, found)
    return found


def check_channels(config, stack):
    """Raise `ConfigError` if the number of channels does not match."""
    count = int(config.IMAGE_SHAPE[2])
    if stack.shape[2] != count:
        raise ConfigError(
            f"The model expects {count} channels, but there are {stack.shape[2]}: "
            f"{', '.join(stack.names)}. List the channels used in training with --order."
        )


def check_fit(config, tile, scale=1.0):
    """Raise `ConfigError` if the model would downscale the tiles at this scale."""
    if config.IMAGE_RESIZE_MODE == "square" and round(tile * scale) > config.IMAGE_MAX_DIM:
        raise ConfigError(
            f"The model downscales images to {config.IMAGE_MAX_DIM} pixels, so objects in a tile of {tile} pixels "
            f"would be smaller than in training. Use --tile {int(config.IMAGE_MAX_DIM / scale)}, or --set "
            "IMAGE_RESIZE_MODE=pad64 if the training images were not downscaled."
        )


def detect(detector, stack, options, tiles, rule=None):
    """Run the detection on the whole wafer; finished tiles are kept in the folder `tiles`.

    Returns
    -------
    Instances

    Raises
    ------
    ConfigError
        The folder contains tiles of an earlier run, and --resume is not given.
    """
    if not options.get("resume") and any(tiles.glob("tile_*.npz")):
        raise ConfigError(
            f"{tiles} contains the tiles of an earlier run. Continue that run with --resume, delete the folder, or "
            "choose another --out."
        )
    tile, size = options["tile"], options.get("pixel_size_um")
    with at_scale(detector, options.get("network_scale")):
        return detect_tiled(
            detector,
            stack,
            tile,
            options.get("overlap") or tile // 4,
            rule or options["rule"],
            options.get("batch") or (4 if has_gpu() else 1),
            resume_dir=tiles,
            executor=_executor(options.get("dask")),
            pixel_size_nm=None if size is None else tuple(1e3 * v for v in size),
        )


def _executor(dask):
    """Executor for `detect_tiled`, or None to detect in this process."""
    if not dask:
        return None
    from mrcnn.inference.tiling_dask import on_dask

    return on_dask(dask)


def write_results(out, stack, instances, sections, options):
    """Write sections.csv, sections.json, sections_labelme.json, sections_overlay.png and sections_labels.ome.zarr."""
    scale, size = options.get("scale") or 1.0, options.get("pixel_size_um")
    write_sections_csv(out / "sections.csv", sections, scale, size)
    about = {
        "weights": str(options["weights"]),
        "channels": list(stack.names),
        "files": {name: str(path) for name, path in stack.files.items()},
        **{
            name: options.get(name)
            for name in ("tile", "overlap", "rule", "min_score", "object_size", "found_at_scale")
        },
    }
    write_sections_json(out / "sections.json", sections, instances, scale, size, about)
    if stack.path is not None:
        write_labelme(out / "sections_labelme.json", as_labels(instances, sections), stack.path)
    draw_wafer(stack, instances, sections, out / "sections_overlay.png", title=stack.path and stack.path.name)
    if not options.get("no_zarr"):
        write_label_zarr(out / "sections_labels.ome.zarr", instances, sections, size)


def as_labels(instances, sections):
    """Detected sections as `WaferLabels` with simplified outlines, for proofreading and training."""

    def outline(part):
        return None if part is None else part_outline(instances, part.index)

    return WaferLabels(
        [Section(s.section_id, outline(s.tissue), outline(s.magnet)) for s in sections],
        image_shape=instances.image_shape,
    )
