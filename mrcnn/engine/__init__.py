"""The model classes: `MaskRCNN` and `SemanticSegmenter`."""
