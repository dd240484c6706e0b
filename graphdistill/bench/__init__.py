"""What the targets are measured with: ``python -m graphdistill.bench NAME``."""
