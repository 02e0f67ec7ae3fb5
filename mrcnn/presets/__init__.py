"""Presets: configurations for each kind of image, to use directly or to subclass, as the samples do."""
