import torch
import torch.nn.functional as F

from graphdistill.kd.methods import rkd
from tests.kd.methods.checks import batch_of, check_training, logits
from tests.kd.samples import nodes_context


def test_the_divergence_is_reversed():
    s, t, y = logits()
    config = rkd.Config(temperature=3.0, weight=0.5, label_weight=2.0)
    found = rkd.objective(nodes_context(), config).loss(batch_of(s, t, y)).mean()
    soft = F.kl_div((t / 3).log_softmax(1), (s / 3).softmax(1), reduction="batchmean") * 9
    torch.testing.assert_close(found, 0.5 * soft + 2 * F.cross_entropy(s[[0, 2]], y[[0, 2]]))


def test_it_trains():
    check_training(rkd.Config())
