"""Backbones, feature pyramid, heads, and the networks built from them."""
