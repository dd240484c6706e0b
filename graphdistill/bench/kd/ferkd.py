"""FerKD-like against soft labels as they are where the teacher is wrong about 30 % of the regions of images.

The teacher takes three of ten regions, by a hash of their pixels, for another class, so that no student can see which
ones. All rows train on the same random regions; soft labels as they are (FKD, the base of FerKD) and with the
cross-entropy on labels are FerKD with its calibration off.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from graphdistill.bench.kd._tables import Scores, fit_students, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.methods import ferkd

MISLEADING = 0.3
"""Share of regions that the teacher is wrong about."""
STEPS = 150
"""Steps of a student."""
SOFT = ferkd.Config(mix=0.0, low=0.0, middle=0.0)
"""Every region has the teacher's prediction."""
METHODS = {
    "soft labels": SOFT,
    "soft labels and labels": replace(SOFT, label_weight=1.0),
    "FerKD, no mixing": ferkd.Config(mix=0.0),
    "FerKD": ferkd.Config(),
}


class MisledTeacher(nn.Module):
    """A teacher that takes some images, by a hash of their pixels, for the next class.

    Args:
        network: the teacher.
        share: share of the images.
    """

    def __init__(self, network: nn.Module, share: float = MISLEADING):
        super().__init__()
        self.network, self.share = network, share

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images."""
        logits: Tensor = self.network(images)
        code = (images.flatten(1) * 1e4).round().long().sum(dim=1) * 2654435761 % 1000
        return torch.where((code < 1000 * self.share).unsqueeze(1), logits.roll(1, dims=1), logits)


def measure(bench: Bench) -> None:
    """Accuracy of all rows."""
    found = run_seeds(bench, _seed, bench, "digits")
    title = f"digits, test accuracy in %, {MISLEADING:.0%} of the regions misleading, ConvNet to ConvNet-8"
    show(title, found, ("soft labels", "soft labels and labels"))


def _seed(bench: Bench, seed: int) -> Scores:
    """All methods on one split, with one teacher and one initial student."""
    view = ImageView(load("digits", bench.root, seed=seed))
    with scoped(seed, "teacher"):
        teacher = ImageView.TEACHERS["ConvNet"](view)
    fit_labels(teacher, view, KDConfig(steps=bench.steps), seed=seed)
    misled = MisledTeacher(teacher)
    networks: dict[str, nn.Module] = {"teacher": teacher, "misled teacher": misled}
    networks |= fit_students(
        METHODS, lambda: ImageView.STUDENTS["ConvNet-8"](view), misled, view, KDConfig(steps=bench.steps or STEPS), seed
    )
    return {name: {"accuracy": 100 * view.score(network, "test")} for name, network in networks.items()}
