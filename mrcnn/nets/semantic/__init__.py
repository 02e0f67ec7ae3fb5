"""Networks for semantic segmentation: encoders, U-Net, FCN, and the model that trains them."""
