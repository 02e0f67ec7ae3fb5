"""Hyperparameter search: trials of a training, in one or several processes, and the report."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mrcnn.commands.datasets import fitted_data
from mrcnn.commands.domain import Domain
from mrcnn.commands.settings import new_model
from mrcnn.commands.training import augmentation_of, load_start, options_of_many, plan, recipe_of
from mrcnn.commands.training_scale import at_learnt_size
from mrcnn.errors import ConfigError
from mrcnn.options.arguments import FAILED
from mrcnn.options.tuning_arguments import SearchOptions
from mrcnn.search.report import write_report
from mrcnn.search.space import Parameter, check_space, parse_parameter
from mrcnn.search.study import Budget, open_study, tune
from mrcnn.search.trials import TrainingTrial
from mrcnn.training.run import has_images

STUDY_FILE = "search.db"


def search(domain: Domain, options: SearchOptions, command: Sequence[str] = ()) -> int:
    """Search for settings according to the options; see `mrcnn.options.tuning_arguments.tune_parser`.

    Parameters
    ----------
    domain : Domain
    options : SearchOptions
    command : sequence of str
        The command that starts this script with these options, for additional workers.

    Returns
    -------
    int
        Exit code: 1 if an additional worker failed but the search is done.
    """
    training = options_of_many(options.training)
    out, budget = Path(options.out), Budget(options.trials, options.search_hours)
    config, train_data, validation_data = fitted_data(domain, training)
    train_data, validation_data = at_learnt_size(config, training, train_data, validation_data)
    space = [parse_parameter(text) for text in options.search] or default_space(config)
    check_space(space, config)
    monitor = options.monitor or monitor_of(config, validation_data)
    augmentation = (domain.augmentation or augmentation_of)(training.augmentation)

    def build(trial_config, folder):
        model = new_model("training", domain.with_backbone(trial_config), folder)
        load_start(model, training)
        model.set_log_dir()
        return model

    def fit(model, callback):
        for layers, learning_rate, epochs in plan(training, model.config):
            if not callback.ended:
                model.train(
                    train_data,
                    validation_data,
                    learning_rate,
                    epochs=epochs,
                    layers=layers,
                    augmentation=augmentation,
                    custom_callbacks=[callback],
                    verbose=0,
                )

    objective = _told(TrainingTrial(config, monitor, build, fit, out / "trials"), monitor)
    about = json.loads(json.dumps(training.to_dict()))  # what else affects the scores, as read back from the file
    arguments = (objective, space, out / STUDY_FILE, budget, monitor, about, config.to_dict(), options.pruner)
    if options.worker:
        tune(*arguments, int(config.SEED), options.worker)
        return 0
    # The file is created before other workers look for it.
    open_study(out / STUDY_FILE, {"monitor": monitor, "space": [p.to_dict() for p in space], **about}, options.pruner)
    with Workers(command, options.workers) as workers:
        study = tune(*arguments, int(config.SEED))
        failed = workers.wait()
    found = write_report(study, config, out)
    print(f"\nBest of {found['trials']} trials: trial {found['trial']}, {monitor} {found['score']:.4f}")
    for name, value in found["settings"].items():
        print(f"  {name} = {value}")
    print(
        f"The table and figures of all trials are in {out}.\nNext: mrcnn train --config {out / 'best.json'}, with the "
        "options of the data"
    )
    if failed:
        print(f"{failed} of the workers failed; see their messages above.", file=sys.stderr)
    return FAILED if failed else 0


def monitor_of(config, validation_data):
    """Name of the score that selects the best epoch of a training."""
    return recipe_of(config).monitor(config) if has_images(validation_data) else "loss"


def default_space(config):
    """Learning rate and batch size."""
    batches = (4, 8, 16) if config.SEMANTIC_MODEL else (1, 2, 4)
    return [Parameter("LEARNING_RATE", None, 1e-5, 1e-2, log=True), Parameter("IMAGES_PER_GPU", batches)]


class Workers:
    """Additional processes of a search; those still running at the end of the block are terminated.

    Parameters
    ----------
    command : sequence of str
        Command of this process; the others get ``--worker N`` appended.
    count : int
        Number of processes, including this one.
    """

    def __init__(self, command, count):
        if count > 1 and not command:
            raise ConfigError("Only a script can start additional workers: start the search several times instead.")
        self.command, self.count, self.running = [*command], count, []

    def __enter__(self):
        self.running = [subprocess.Popen([*self.command, "--worker", str(n)]) for n in range(1, self.count)]
        return self

    def wait(self):
        """Wait for all; returns how many failed."""
        return sum(process.wait() != 0 for process in self.running)

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _told(objective, monitor):
    """The objective, which also prints the settings and the score of each trial."""

    def call(values, watch):
        print(f"\nTrial {watch.number}: {', '.join(f'{n} = {v}' for n, v in values.items())}", flush=True)
        score = objective(values, watch)
        why = {"pruned": ", stopped early: worse than others", "time": ", stopped early: the time is over"}
        print(
            f"Trial {watch.number}: {monitor} {'none' if score is None else f'{score:.4f}'}{why.get(watch.ended, '')}",
            flush=True,
        )
        return score

    return call
