"""The work behind the scripts: train, predict, evaluate, compare, tune."""
