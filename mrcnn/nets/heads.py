"""Box head and mask head of Mask R-CNN, with Matterport's layer names. Regions are folded into the batch."""

import keras
from keras import layers, ops

from mrcnn.layers.dynamic_count import with_count
from mrcnn.nets.batch_norm import BatchNorm, ConvNorm, with_bias


class FoldRegions(layers.Layer):
    """[B, N, ...] -> [B * N, ...]."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))


class UnfoldRegions(layers.Layer):
    """[B * N, ...] -> [B, N, ...]; called with [folded, any tensor [B, N, ...]]."""

    def call(self, inputs):
        folded, like = inputs
        return ops.reshape(folded, (-1, ops.shape(like)[1], *folded.shape[1:]))

    def compute_output_spec(self, inputs):
        folded, like = inputs
        return keras.KerasTensor((like.shape[0], like.shape[1], *folded.shape[1:]), dtype=folded.dtype)


class WholePatchConv(layers.Conv2D):
    """A "valid" convolution whose kernel is as large as its input, computed as one matrix product: [N, h, w, C] ->
    [N, 1, 1, filters].
    """

    def convolution_op(self, inputs, kernel):
        kernel = ops.reshape(kernel, (-1, self.filters))
        return ops.reshape(ops.matmul(ops.reshape(inputs, (-1, kernel.shape[0])), kernel), (-1, 1, 1, self.filters))


class BlockDeconvolution(layers.Conv2DTranspose):
    """A transposed convolution with kernel and stride 2, as one matrix product: [N, h, w, C] -> [N, h, w, 2, 2,
    filters].

    Every pixel becomes a block of 2 x 2 pixels. The blocks are not rearranged here. The next layer works on single
    pixels and reduces many channels to a few, which are faster to rearrange (`interleave`).
    """

    def call(self, inputs, training=None):
        kernel = ops.reshape(ops.transpose(self.kernel, (3, 0, 1, 2)), (inputs.shape[-1], -1))
        product = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), kernel)
        found = self.activation(with_bias(product, ops.tile(self.bias, 4), training))
        return ops.reshape(found, (-1, *inputs.shape[1:3], 2, 2, self.filters))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:3], 2, 2, self.filters)

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)


def interleave(blocks):
    """Rearrange blocks of 2 x 2 pixels into images: [..., h, w, 2, 2, C] -> [..., 2h, 2w, C]."""
    *lead, height, width, _, _, channels = blocks.shape
    axes = len(lead)
    order = (*range(axes), axes, axes + 2, axes + 1, axes + 3, axes + 4)
    shape = (*ops.shape(blocks)[:axes], 2 * height, 2 * width, channels)
    return ops.reshape(ops.transpose(blocks, order), shape)


class MaskClassifier(layers.Conv2D):
    """A 1 x 1 convolution and a float32 sigmoid on the blocks of RoIs: [B, N, h, w, 2, 2, C] -> [B, N, 2h, 2w, K].

    `refinement` [B, N, 2h, 2w, K], if given, is added to the logits.
    """

    def build(self, input_shape):
        super().build((None, *input_shape[-3:]))

    def call(self, inputs, refinement=None, training=None):
        product = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), self.kernel[0, 0])
        logits = ops.reshape(with_bias(product, self.bias, training), (*ops.shape(inputs)[:-1], self.filters))
        logits = ops.cast(interleave(logits), "float32")
        return ops.sigmoid(logits if refinement is None else logits + ops.cast(refinement, "float32"))

    def compute_output_spec(self, inputs, refinement=None, training=None):
        *lead, height, width, _, _, _ = inputs.shape
        return keras.KerasTensor((*lead, 2 * height, 2 * width, self.filters), dtype="float32")


class BoxHead:
    """Class and box refinement of pooled regions (Matterport's `fpn_classifier_graph` after the pooling)."""

    def __init__(self, num_classes, pool_size=7, width=1024, train_bn=False):
        self.num_classes = num_classes
        self.hidden1 = ConvNorm(
            WholePatchConv(width, pool_size, name="mrcnn_class_conv1"), BatchNorm(train_bn, name="mrcnn_class_bn1")
        )
        self.hidden2 = ConvNorm(
            WholePatchConv(width, 1, name="mrcnn_class_conv2"), BatchNorm(train_bn, name="mrcnn_class_bn2")
        )
        self.activation1 = layers.ReLU(name="mrcnn_class_conv1_relu")
        self.activation2 = layers.ReLU(name="mrcnn_class_conv2_relu")
        self.squeeze = layers.Reshape((width,), name="pool_squeeze")
        self.logits = layers.Dense(num_classes, name="mrcnn_class_logits")
        self.probabilities = layers.Softmax(name="mrcnn_class", dtype="float32")
        self.deltas = layers.Dense(4 * num_classes, name="mrcnn_bbox_fc")

    def __call__(self, pooled):
        """Pooled [B, N, h, w, C] -> logits [B, N, K], probabilities [B, N, K], deltas [B, N, K, 4]."""
        x = FoldRegions()(pooled)
        x = self.activation1(self.hidden1(x))
        x = self.activation2(self.hidden2(x))
        x = UnfoldRegions()([self.squeeze(x), pooled])
        logits = self.logits(x)
        deltas = layers.Reshape((-1, self.num_classes, 4), name="mrcnn_bbox", dtype="float32")(self.deltas(x))
        return logits, self.probabilities(logits), deltas


class Interleave(layers.Layer):
    """`interleave` as a layer."""

    def call(self, blocks):
        return interleave(blocks)

    def compute_output_spec(self, blocks):
        *lead, height, width, _, _, channels = blocks.shape
        return keras.KerasTensor((*lead, 2 * height, 2 * width, channels), dtype=blocks.dtype)


class FineMasks:
    """Refinement of masks at their own resolution, from features of the image at stride 2.

    The mask head knows which object it outlines, but its features have the stride of P2 or more; the edge itself is in
    the image. Its last features are joined with those of the image (as in PointRend, Kirillov et al. 2020, and
    RefineMask, Zhang et al. 2021, but on the whole grid), and what two convolutions make of both is added to the
    logits. The last layer starts from zeros, so loaded weights of the mask head are as good as before.
    """

    def __init__(self, num_classes, width):
        def convolution(name, **options):
            return layers.Conv2D(
                width, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name, **options
            )

        # Pixels without their mean, so that most are between -2 and 2.
        self.scale = layers.Rescaling(1 / 64, name="mrcnn_fine_scale")
        self.stem = [convolution("mrcnn_fine_conv1", strides=2), convolution("mrcnn_fine_conv2")]
        self.reduce = layers.Dense(width, activation="relu", name="mrcnn_mask_fine_reduce")
        self.interleave, self.fold = Interleave(), FoldRegions()
        self.join = layers.Concatenate()
        self.convolutions = [convolution(f"mrcnn_mask_fine_conv{i}") for i in (1, 2)]
        self.logits = layers.Conv2D(num_classes, 1, kernel_initializer="zeros", name="mrcnn_mask_fine")

    @property
    def layers(self):
        """The layers that work on regions."""
        return [self.reduce, *self.convolutions, self.logits]

    def features(self, image):
        """Molded image [B, H, W, C] -> features [B, H / 2, W / 2, width]."""
        x = self.scale(image)
        for convolve in self.stem:
            x = convolve(x)
        return x

    def __call__(self, blocks, cells):
        """Blocks [B * N, h, w, 2, 2, W] and the image's features [B, N, 2h, 2w, width] -> logits [B, N, 2h, 2w, K]."""
        x = self.join([self.interleave(self.reduce(blocks)), self.fold(cells)])
        for convolve in self.convolutions:
            x = convolve(x)
        return UnfoldRegions()([self.logits(x), cells])


class MaskHead:
    """Masks of pooled regions (Matterport's `build_fpn_mask_graph` after the pooling).

    With `fine`, a `FineMasks`, they are refined.
    """

    def __init__(self, num_classes, width=256, train_bn=False, fine=None):
        self.fine = fine
        self.convolutions = [
            ConvNorm(
                layers.Conv2D(width, 3, padding="same", name=f"mrcnn_mask_conv{i}"),
                BatchNorm(train_bn, name=f"mrcnn_mask_bn{i}"),
            )
            for i in range(1, 5)
        ]
        self.activations = [layers.ReLU(name=f"mrcnn_mask_conv{i}_relu") for i in range(1, 5)]
        self.deconvolution = BlockDeconvolution(width, 2, strides=2, activation="relu", name="mrcnn_mask_deconv")
        self.classify = MaskClassifier(num_classes, 1, name="mrcnn_mask")

    @property
    def layers(self):
        """All layers with names, in order."""
        hidden = [layer for pair in zip(self.convolutions, self.activations) for layer in pair]
        return [*hidden, self.deconvolution, self.classify, *(self.fine.layers if self.fine else ())]

    def __call__(self, pooled, cells=None):
        """Pooled [B, N, h, w, C] -> probabilities [B, N, 2h, 2w, K], float32.

        With `fine`, `cells` [B, N, 2h, 2w, c] are the image's features there.
        """
        x = FoldRegions()(pooled)
        for convolve, activate in zip(self.convolutions, self.activations):
            x = activate(convolve(x))
        blocks = self.deconvolution(x)
        refinement = None if self.fine is None else self.fine(blocks, cells)
        return self.classify(UnfoldRegions()([blocks, pooled]), refinement)


class RegionMasks:
    """Masks of regions of feature maps: pooling and mask head.

    Parameters
    ----------
    head : MaskHead
    pool : PyramidROIAlign
    cells : RoICells or None
        If the head is refined.
    """

    def __init__(self, head, pool, cells=None):
        self.head, self.pool, self.cells = head, pool, cells

    def __call__(self, boxes, meta, maps, images=None):
        """Boxes [B, N, 4], image meta and maps (P2 to P5, and the image's features) -> [B, N, 2h, 2w, K]."""
        pooled = self.pool([boxes, meta, *maps[:4]], images=images)
        if self.cells is None:
            return self.head(pooled)
        return self.head(pooled, self.cells([boxes, meta, maps[4]], images=images))


class PositiveMasks(layers.Layer):
    """Masks of the regions that enter the mask loss; the rest of the result is 0.

    The mask head is the most expensive part of a training step. No other regions enter its loss, so the loss and its
    gradient are unchanged. The wanted regions of an image come first. With TensorFlow, only the wanted regions of all
    images go through the head, together. With other backends, each image sends as many regions through the head as the
    image with the most wanted regions.

    Called with [rois [B, P, 4], class_ids int32 [B, P] (above 0 where wanted), image_meta, *maps of `RegionMasks`];
    returns [B, P, 2h, 2w, K] float32.

    Parameters
    ----------
    masks : RegionMasks
    slots : int
        P.
    all_slots : bool
        Always process all slots. Needed if the batch norm of the head uses batch statistics, because these depend on
        the number of regions.
    """

    def __init__(self, masks, slots, all_slots=False, **kwargs):
        super().__init__(**kwargs)
        self.masks, self.slots, self.all_slots = masks, int(slots), bool(all_slots)
        self.head_layers = masks.head.layers
        self.autocast = False

    def build(self, input_shape):
        pooled = keras.Input((None, *self.masks.pool.pool_shape, input_shape[3][-1]), dtype=self.compute_dtype)
        if self.masks.cells is None:
            self.masks.head(pooled)
        else:
            size = self.masks.cells.size
            self.masks.head(pooled, keras.Input((None, size, size, input_shape[7][-1]), dtype=self.compute_dtype))
        self.built = True

    def call(self, inputs):
        rois, class_ids, meta, *maps = inputs
        if self.all_slots:
            return self._first(self.slots, rois, meta, maps)
        wanted = class_ids > 0
        if keras.backend.backend() == "tensorflow":
            return self._wanted(wanted, rois, meta, maps)
        # The size is the same for each image, so a batch can be split across several devices.
        needed = ops.max(ops.sum(ops.cast(wanted, "int32"), axis=1))
        return with_count(needed, self.slots, lambda count: self._first(count, rois, meta, maps))

    def _first(self, count, rois, meta, maps):
        found = self.masks(rois[:, :count], meta, maps)
        padded = ops.pad(found, [[0, 0], [0, self.slots - count], [0, 0], [0, 0], [0, 0]])
        return ops.reshape(padded, (-1, self.slots, *found.shape[2:]))

    def _wanted(self, wanted, rois, meta, maps):
        rows = ops.arange(ops.size(wanted), dtype="int32")
        flat = ops.reshape(wanted, (-1,))
        order = ops.argsort(ops.where(flat, rows, rows + ops.size(wanted)))
        # At least one region, because the head needs an input; its result is not used.
        chosen = ops.cast(order[: ops.maximum(ops.sum(ops.cast(flat, "int32")), 1)], "int32")
        boxes = ops.take(ops.reshape(rois, (-1, 4)), chosen, axis=0)
        found = self.masks(boxes[None], meta, maps, images=(chosen // self.slots)[None])[0]
        placed = ops.scatter(chosen[:, None], found, (ops.size(wanted), *found.shape[1:]))
        return ops.reshape(placed, (-1, self.slots, *found.shape[1:]))

    def compute_output_spec(self, inputs):
        side = 2 * self.masks.pool.pool_shape[0]
        classes = self.masks.head.classify.filters
        return keras.KerasTensor((*inputs[0].shape[:2], side, side, classes), dtype="float32")
