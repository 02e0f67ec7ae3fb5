"""Search of settings: the space, the trials, the study, its report."""
