"""Training data and learnable sets of images, nodes and graphs."""
