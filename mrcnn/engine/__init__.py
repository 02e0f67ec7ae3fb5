"""The models as users hold them: `MaskRCNN` and `SemanticSegmenter`."""
