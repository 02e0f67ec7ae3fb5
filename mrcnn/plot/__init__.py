"""Pictures: objects over images, curves, and looks into data and model."""
