"""Implementation of the command line programs for cells of the Human Protein Atlas."""
