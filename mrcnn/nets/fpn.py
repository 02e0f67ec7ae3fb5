"""The feature pyramid (Lin et al. 2017), with Matterport's layer names."""

from keras import layers


def feature_pyramid(c2, c3, c4, c5, size=256):
    """P2..P6 [B, H / stride, W / stride, size] from C2..C5; P6 is every second pixel of P5."""
    p5 = layers.Conv2D(size, 1, name="fpn_c5p5")(c5)
    merged = {5: p5}
    for level, c in ((4, c4), (3, c3), (2, c2)):
        upsampled = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged[level + 1])
        lateral = layers.Conv2D(size, 1, name=f"fpn_c{level}p{level}")(c)
        merged[level] = layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])
    maps = [layers.Conv2D(size, 3, padding="same", name=f"fpn_p{level}")(merged[level]) for level in (2, 3, 4, 5)]
    return [*maps, layers.MaxPooling2D(1, strides=2, name="fpn_p6")(maps[-1])]
