"""Presets: settings for each kind of image, to use as they are or to subclass, as the samples do."""
