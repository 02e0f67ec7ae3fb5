"""Resume an interrupted training: load its last checkpoint, and find the stage and the step where it stopped."""

from dataclasses import replace
from pathlib import Path

from mrcnn.errors import WeightsError
from mrcnn.training.checkpoints import Progress, last_state, read_state, resolve_weights, restore, seed_states
from mrcnn.training.run_folders import last_resumable, run_name


def resume(model, path=None):
    """Bring a `Trainable` to where the last checkpoint of a run left it; see `mrcnn.engine.base.Trainable.resume`.

    Returns
    -------
    bool
        Whether there was anything to resume.
    """
    if path is None:
        path = last_resumable(model.model_dir, run_name(model.config))
    elif Path(path).is_dir():
        path = last_state(path)
    if path is None:
        return False
    path = resolve_weights(path)
    state = read_state(path)
    if state is None:
        raise WeightsError(
            f"{path}: contains weights, but no state of a training to resume. Load it with load_weights instead."
        )
    model.load_weights(path, verbose=0)
    restore(seed_states(model.keras_model), state.seeds, path, "random generator")
    model.log_dir, model.epoch = path.parent, state.progress.epoch
    model.progress, model.resume_state, model.resume_path = state.progress, state, path
    model.always_trained = list(state.progress.always_trained)
    return True


def next_stage(detector, layers, learning_rate, epochs):
    """The `Progress` to start from, and the checkpoint's state if this call is the stage that was interrupted.

    (None, None) if there is nothing left to do in this call.
    """
    before, state, stage = detector.progress, detector.resume_state, [layers, learning_rate, epochs]
    if state is not None and stage in before.passed:
        print(f"Training of '{layers}' to epoch {epochs} was finished before the interruption.")
        return None, None
    if detector.epoch >= epochs:
        print(
            f"{detector.epoch} epochs are already done, and `epochs` is the total: with epochs={epochs}, nothing is "
            "left to train."
        )
        return None, None
    if state is not None and before.epoch < before.epochs and stage[:2] == before.stage[:2]:
        _report_changes(state.config, detector.config.to_dict())
        return replace(before, epochs=epochs), state
    passed = [*before.passed, before.stage] if before is not None else []
    start = Progress(detector.epoch, 0, detector.epoch, layers, learning_rate, epochs, passed=passed)
    if before is not None:
        start.monitor, start.best = before.monitor, before.best
    start.always_trained = list(detector.always_trained)
    return start, None


def _report_changes(before, now):
    changed = [n for n in sorted({*before, *now}) if before.get(n) != now.get(n)]
    if changed:
        print("These settings differ from those of the interrupted run, so its result will be different:")
        print("\n".join(f"  {n}: {before.get(n)} before, {now.get(n)} now" for n in changed))
