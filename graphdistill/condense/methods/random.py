"""Random: real images of each class, drawn without any thought; what every other method has to beat.

No parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.condense.real import RealImages

PAPER = "no paper: the baseline of all"


def select(real: RealImages, per_class: int, generator: torch.Generator) -> Tensor:
    """Numbers of ``per_class`` random images of each class, classes one after another."""
    return real.pick(per_class, generator)
