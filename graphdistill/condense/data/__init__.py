"""Training data and learnable sets of images, nodes, graphs and rows."""
