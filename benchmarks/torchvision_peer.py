"""The measurements of `ours.py` with torchvision's maskrcnn_resnet50_fpn or fasterrcnn_resnet50_fpn, as a JSON line."""

import argparse
import warnings

import numpy as np
import torch
from scene import discs
from timing import report, timed
from torchvision.models.detection import fasterrcnn_resnet50_fpn, maskrcnn_resnet50_fpn
from torchvision.models.detection.rpn import AnchorGenerator

# As in `ours.py`: too small to change the network.
LEARNING_RATE = 1e-7


MODELS = {"mask": maskrcnn_resnet50_fpn, "faster": fasterrcnn_resnet50_fpn}


def build(size, model="mask"):
    """torchvision's model with Matterport's settings for anchors, proposals and regions."""
    anchors = AnchorGenerator(tuple((s,) for s in (32, 64, 128, 256, 512)), ((0.5, 1.0, 2.0),) * 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[model](
            weights=None,
            weights_backbone=None,
            num_classes=2,
            trainable_backbone_layers=5,
            min_size=size,
            max_size=size,
            rpn_anchor_generator=anchors,
            rpn_pre_nms_top_n_train=6000,
            rpn_post_nms_top_n_train=2000,
            rpn_pre_nms_top_n_test=6000,
            rpn_post_nms_top_n_test=1000,
            box_batch_size_per_image=200,
            box_positive_fraction=0.33,
            box_score_thresh=0.0,
            box_nms_thresh=0.3,
            box_detections_per_img=100,
        )


def scene(size, objects, seed, with_masks=True):
    """Image and target tensors for torchvision, which would resize masks even for a model without a mask head."""
    image, masks, boxes = discs(size, objects, seed)
    target = {
        "boxes": torch.tensor(boxes[:, [1, 0, 3, 2]].astype(np.float32)),
        "labels": torch.ones(objects, dtype=torch.int64),
    }
    if with_masks:
        target["masks"] = torch.tensor(masks.astype(np.uint8))
    return torch.tensor(np.moveaxis(image, -1, 0)), target


def main():
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=["train", "detect"], default="train")
    parser.add_argument("--model", choices=list(MODELS), default="mask")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--objects", type=int, default=12)
    parser.add_argument("--steps", type=int, default=8)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = build(arguments.size, arguments.model)
    scenes = [scene(arguments.size, arguments.objects, i, arguments.model == "mask") for i in range(arguments.batch)]
    images, targets = [s[0] for s in scenes], [s[1] for s in scenes]
    extra = {"model": arguments.model}
    if arguments.what == "train":
        model.train()
        select = model.roi_heads.select_training_samples

        def counted(*given):
            chosen = select(*given)
            extra["positives"] = sum(int((labels > 0).sum()) for labels in chosen[2])
            return chosen

        model.roi_heads.select_training_samples = counted
        optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-4)

        def step():
            loss = sum(model(images, targets).values())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
    else:
        model.eval()

        def step():
            with torch.inference_mode():
                extra["detections"] = [len(found["scores"]) for found in model(images)]

    times = timed(step, arguments.steps)
    report("torchvision", arguments.what, times, **extra)


if __name__ == "__main__":
    main()
