"""The measurements of `semantic_ours.py` with segmentation_models_pytorch; prints one JSON line.

    python benchmarks/smp_peer.py --what train|predict [--decoder alike|unet] [--encoder mobilenet_v2] [--steps 8]

Encoder, focal loss and decoder modules come from the library. `--decoder unet` is its unmodified `Unet`: in each stage,
the input from below and the skip connection are concatenated at full width and convolved twice, with one more stage at
full resolution. `--decoder alike` combines the same modules like this package: both inputs are reduced in width,
concatenated and convolved once; the logits are computed at stride 2 and upsampled.

Remaining differences: this package takes the skip connections just before the strided convolutions of the encoder,
where they are six times as wide (96, 144, 192 and 576 channels of mobilenet_v2) as after the blocks (16, 24, 32 and
96); its EfficientNet ends with 1280 channels, that of the library with 320; and it counts pixels for accuracy and IoU
in each step.
"""

import argparse

import numpy as np
import segmentation_models_pytorch as smp
import torch
from scene import discs
from segmentation_models_pytorch.base.modules import Conv2dReLU
from timing import report, timed
from torch import nn
from torch.nn import functional

# As in `ours.py`: too small to change the network.
LEARNING_RATE = 1e-7
# Encoder names in this package (as in keras.applications) and in the library.
ENCODERS = {"mobilenet_v2": "mobilenet_v2", "efficientnet_b0": "efficientnet-b0"}
WIDTHS = (128, 64, 48, 32)


class Step(nn.Module):
    """One step of the decoder: reduce width, upsample, concatenate, convolve."""

    def __init__(self, below, skip, width):
        super().__init__()
        self.below = nn.Conv2d(below, width, 1, bias=False)
        self.skip = nn.Conv2d(skip, width, 1, bias=False)
        self.conv = Conv2dReLU(2 * width, width, kernel_size=3, padding=1, use_norm="batchnorm")

    def forward(self, below, skip):
        below = functional.interpolate(self.below(below), scale_factor=2, mode="nearest")
        return self.conv(torch.cat([below, self.skip(skip)], dim=1))


class Alike(nn.Module):
    """A U-Net with the encoder of the library and the decoder of this package."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = smp.encoders.get_encoder(encoder, in_channels=3, depth=5, weights=None)
        *skips, below = self.encoder.out_channels[1:]
        ins = (below, *WIDTHS[:-1])
        self.steps = nn.ModuleList(Step(*sizes) for sizes in zip(ins, reversed(skips), WIDTHS, strict=True))
        self.logits = nn.Conv2d(WIDTHS[-1], 1, 1)

    def forward(self, images):
        *skips, x = self.encoder(images)[1:]
        for step, skip in zip(self.steps, reversed(skips), strict=True):
            x = step(x, skip)
        return functional.interpolate(self.logits(x), scale_factor=2, mode="bilinear")


def build(decoder, encoder):
    """The network, with random weights."""
    if decoder == "alike":
        return Alike(encoder)
    return smp.Unet(encoder, encoder_weights=None, in_channels=3, classes=1, decoder_channels=(*WIDTHS, 16))


def main():
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["train", "predict"], default="train")
    parser.add_argument("--decoder", choices=["alike", "unet"], default="alike")
    parser.add_argument("--encoder", choices=ENCODERS, default="mobilenet_v2")
    parser.add_argument("--channels-last", action="store_true", help="use torch's channels_last memory format")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--objects", type=int, default=12)
    parser.add_argument("--steps", type=int, default=8)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    model = build(arguments.decoder, ENCODERS[arguments.encoder]).to(memory_format=layout)
    scenes = [discs(arguments.size, arguments.objects, i) for i in range(arguments.batch)]
    images = np.stack([np.moveaxis(image, -1, 0) for image, _, _ in scenes])
    if arguments.what == "train":
        labels = torch.tensor(np.stack([masks.any(axis=0) for _, masks, _ in scenes])[:, None].astype(np.int64))
        images = torch.tensor(images).to(memory_format=layout)
        loss = smp.losses.FocalLoss("binary", gamma=2.0)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        model.train()

        def step():
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
    else:
        model.eval()

        def step():
            with torch.inference_mode():
                torch.sigmoid(model(torch.from_numpy(images).to(memory_format=layout))).numpy()

    times = timed(step, arguments.steps)
    parameters = sum(p.numel() for p in model.parameters())
    report("segmentation_models_pytorch", arguments.what, times, parameters=parameters)


if __name__ == "__main__":
    main()
