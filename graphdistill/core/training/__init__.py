"""The training loop, losses, metrics, augmentation and samplers."""
