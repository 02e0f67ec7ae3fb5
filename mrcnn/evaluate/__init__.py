"""How good a result is: matching, average precision, counts of errors, semantic scores."""
