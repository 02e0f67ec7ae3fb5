"""What the scripts in `samples/` share: their options, training, prediction, evaluation, and errors in one line."""
