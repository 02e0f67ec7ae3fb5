"""Where data and networks meet: training, detection, checkpoints."""
