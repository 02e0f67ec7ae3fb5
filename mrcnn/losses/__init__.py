"""Losses, as pure functions: of Mask R-CNN (`detection`) and of semantic networks (`semantic`)."""
