r"""SFGC, trajectory matching on graphs: nodes that stand alone lead a GCN where the whole graph led it.

.. math:: L = \frac{\|\theta_K(X', I) - \theta^*_{t+M}\|^2}{\|\theta^*_t - \theta^*_{t+M}\|^2}

Experts are GCNs on the whole graph; the student is the same network without a graph. The paper chooses among sets by a
kernel's score, here a GCN on validation does, as everywhere.
"""

from __future__ import annotations

import torch

from graphdistill.condense.experts import Training, Window, record_trajectories
from graphdistill.condense.methods.k_center import cover
from graphdistill.condense.methods.mtt import EXPERTS, LOG_LR, TrajectoryMatch, network_of, student
from graphdistill.condense.objective import Recipe, Setting
from graphdistill.condense.real import Kind

PAPER = "Zheng et al., NeurIPS 2023, https://arxiv.org/abs/2306.02664"
FOR: tuple[Kind, ...] = ("nodes",)


def recipe(setting: Setting) -> Recipe:
    """SFGC's recipe."""
    real = setting.real
    experts = record_trajectories(real, training(), EXPERTS, setting.seed, setting.progress)
    x = real.flat()
    rows = torch.cat([members[cover(x[members], setting.per_class)] for members in real.members])
    return Recipe(
        objective=TrajectoryMatch(network_of(setting), experts, Window(0, 4), span=2, steps=15),
        schedule=None,
        steps=100,
        lr={"x": 0.02, LOG_LR: 0.01},
        optimizer="adam",
        start=student(real.start(rows), 0.4),
    )
