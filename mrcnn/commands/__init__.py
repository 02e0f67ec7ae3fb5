"""What the programs do: train, predict, evaluate, compare, tune."""
