"""Backbones, feature pyramid, heads, and the networks that are built from them."""
