"""Your own teacher and student: ``python examples/kd_own_models.py [FOLDER]`` saves the student in the folder."""

import sys
import tempfile

import torch
from torch import nn

from graphdistill import distill_kd, load
from graphdistill.kd import fit_labels, load_network, save_network

folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
data = load("digits")
torch.manual_seed(0)


def convnet(width: int) -> nn.Module:
    """A small convolutional network."""
    conv = nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(3)
    return nn.Sequential(*conv, nn.Flatten(), nn.Linear(9 * width, 10))


teacher = fit_labels(convnet(64), data)  # or any trained module
student = distill_kd(convnet(4), teacher, data, method="kd")
save_network(student, folder, card={"dataset": data.name})
again = load_network(convnet(4), folder)
right = (again(data.images[data.test]).argmax(dim=1) == data.y[data.test]).float().mean()
print(f"{sum(p.numel() for p in again.parameters()):,} parameters, {right:.1%} of the test images correct")
print("the student is saved in", folder)
