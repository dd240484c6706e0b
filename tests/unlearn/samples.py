"""A model that knows its data by heart, which the tests of unlearning share."""

import copy
import functools

import torch

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.distill import fit_labels
from graphdistill.unlearn.context import Context
from tests.kd.samples import images, mlp, nodes


@functools.cache
def _trained(kind):
    view = ImageView(images()) if kind == "images" else NodeView(nodes())
    network = mlp(0, 64, 3) if kind == "images" else mlp(0)
    return view, fit_labels(network, view, KDConfig(steps=60, lr=0.02, eval_every=60))


def context(kind="images", count=12):
    """A trained perceptron, and some of its training entries as those that are forgotten."""
    view, network = _trained(kind)
    forget = view.data.train[torch.randperm(len(view.data.train), generator=torch.Generator().manual_seed(1))[:count]]
    return Context(model=copy.deepcopy(network).eval(), whole=view, forget=forget.sort().values)


def losses(view, network, index):
    """Cross-entropy of entries, by hand."""
    log_p = view.predict(network, index).logits.log_softmax(dim=1)
    return -log_p[torch.arange(len(index)), view.data.y[index]]
