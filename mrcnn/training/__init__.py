"""From data and settings to a run: batches, stages, callbacks, checkpoints."""
