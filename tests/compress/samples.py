"""A trained network that the tests of compression share."""

import copy
import functools

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from tests.kd.samples import images, mlp

SHORT = KDConfig(steps=8, lr=0.01, eval_every=4)


@functools.cache
def _trained():
    view = ImageView(images())
    return view, fit_labels(mlp(0, 64, 3), view, KDConfig(steps=60, lr=0.02, eval_every=60))


def trained():
    """The data, and a perceptron that knows them."""
    view, network = _trained()
    return view, copy.deepcopy(network)
