"""Networks that give every pixel a class: encoders, U-Net, FCN, and the model that trains them."""
