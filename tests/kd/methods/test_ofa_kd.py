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


def deep(ins, outs, layers=6):
    torch.manual_seed(0)
    widths = [ins, *[12] * layers]
    hidden = [nn.Sequential(nn.Linear(i, o), nn.ReLU()) for i, o in pairwise(widths)]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(12, outs))


def test_heads_and_logits_have_the_same_loss():
    context, config = nodes_context(), ofa_kd.Config(epsilon=1.3, head_weight=0.5)
    objective = ofa_kd.objective(context, config)
    assert list(objective.student_layers) == ["1"]
    s, t, y = logits()
    hidden = torch.randn(4, 16, generator=torch.Generator().manual_seed(3))
    batch = batch_of(s, t, y)
    found = objective.loss(type(batch)(**{**vars(batch), "student": Outputs(s, {"1": hidden})}))
    loss, head = EnhancedTarget(1.3), objective.module.heads[0]
    torch.testing.assert_close(found, loss(s, t, y) + 0.5 * loss(head(hidden), t, y))


def test_layers_are_spread_over_the_largest_stack_without_the_logits():
    assert ofa_kd.stages(replace(nodes_context(), student=deep(10, 10))) == ("2", "3", "4", "6")
    assert ofa_kd.stages(replace(images_context(), student=ConvNet((1, 8, 8), 3))) == ("blocks.0", "blocks.1")
    assert ofa_kd.stages(replace(nodes_context(), student=nn.Linear(10, 10))) == ("penultimate",)


def test_features_are_averaged_over_all_but_rows_and_channels():
    maps, tokens = torch.rand(6, 3, 2, 2), torch.rand(6, 5, 3)
    torch.testing.assert_close(ofa_kd.pooled(maps, 6), maps.flatten(2).mean(-1))
    torch.testing.assert_close(ofa_kd.pooled(tokens, 6), tokens.sum(1) / 5)
    torch.testing.assert_close(ofa_kd.pooled(tokens, 30), tokens.view(30, 3))
    with pytest.raises(ValueError, match=r"needs features of 7 entries, \[n, d\], .* got \[6, 3, 2, 2\]; name other"):
        ofa_kd.pooled(maps, 7)


def test_it_trains():
    check_training(ofa_kd.Config(), deep)
    view = images_context().data
    train(ConvNet((1, 8, 8), 3), mlp(1, 64, 3), view, ofa_kd.Config())
    with pytest.raises(ValueError, match="has no layer 'nowhere'"):
        train(mlp(0, 64, 3), mlp(1, 64, 3), view, ofa_kd.Config(layers=("nowhere",)))


def test_options_are_checked():
    with pytest.raises(ValueError, match="--epsilon must be above 0, got 0"):
        ofa_kd.Config(epsilon=0)
    with pytest.raises(ValueError, match="--head-weight must be 0 or more, got -1"):
        ofa_kd.Config(head_weight=-1)
