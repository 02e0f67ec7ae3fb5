"""Losses of Mask R-CNN (`detection`) and of semantic networks (`semantic`), as pure functions."""
