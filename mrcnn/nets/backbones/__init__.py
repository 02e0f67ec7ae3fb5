"""Backbones: from the molded image to the feature maps C2..C5 at strides 4, 8, 16 and 32."""
