from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.kd.losses import EnhancedTarget
from graphdistill.kd.methods import ofa_kd
from graphdistill.kd.outputs import Outputs
from tests.kd.methods.checks import batch_of, check_training, logits, train
from tests.kd.samples import images_context, mlp, nodes_context


class Deep(nn.Module):
    """A perceptron with six hidden layers in a list."""

    def __init__(self, ins=10, outs=10, layers=6):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise([ins, *[12] * layers]))
        self.head = nn.Linear(12, outs)

    def forward(self, x):
        x = x.flatten(1)
        for block in self.blocks:
            x = block(x).relu()
        return self.head(x)


def test_heads_and_logits_have_the_same_loss():
    context, config = nodes_context(), ofa_kd.Config(epsilon=1.3, head_weight=0.5)
    objective = ofa_kd.objective(context, config)
    assert list(objective.student_layers) == ["penultimate"]
    s, t, y = logits()
    hidden = torch.randn(4, 16, generator=torch.Generator().manual_seed(3))
    batch = batch_of(s, t, y)
    found = objective.loss(type(batch)(**{**vars(batch), "student": Outputs(s, {"penultimate": hidden})}))
    loss, head = EnhancedTarget(1.3), objective.module.heads[0]
    torch.testing.assert_close(found, loss(s, t, y) + 0.5 * loss(head(hidden), t, y))


def test_layers_are_spread_over_the_stages_without_the_logits():
    assert ofa_kd.stages(replace(nodes_context(), student=Deep())) == ("blocks.1", "blocks.2", "blocks.3", "blocks.5")
    assert ofa_kd.stages(replace(images_context(), student=ConvNet((1, 8, 8), 3))) == ("blocks.0", "blocks.1")
    assert ofa_kd.stages(replace(nodes_context(), student=nn.Linear(10, 10))) == ("penultimate",)


def test_it_trains():
    check_training(ofa_kd.Config(), Deep)
    view = images_context().data
    train(ConvNet((1, 8, 8), 3), mlp(1, 64, 3), view, ofa_kd.Config())
    with pytest.raises(ValueError, match="has no layer 'nowhere'"):
        train(mlp(0, 64, 3), mlp(1, 64, 3), view, ofa_kd.Config(layers=("nowhere",)))


def test_options_are_checked():
    with pytest.raises(ValueError, match="--epsilon must be above 0, got 0"):
        ofa_kd.Config(epsilon=0)
    with pytest.raises(ValueError, match="--head-weight must be 0 or more, got -1"):
        ofa_kd.Config(head_weight=-1)
