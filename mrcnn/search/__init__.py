"""Hyperparameter search: the space, the trials, the study, and the report."""
