"""What becomes a training sample: data sets, readers, augmentation, molding. No keras."""
