import copy
import re

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GCN

from graphdistill.unlearn import LAFConfig, unlearn
from tests.kd.samples import images, mlp, nodes, texts
from tests.unlearn.samples import context

SHORT = LAFConfig(unlearn_steps=2, vae_steps=2)


def test_a_new_network_comes_out_and_the_given_one_stays():
    found = context()
    before = copy.deepcopy(found.model.state_dict())
    made, again = (
        unlearn(found.model, images(), found.forget.tolist(), SHORT, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    )
    assert all(torch.equal(value, before[name]) for name, value in found.model.state_dict().items())
    assert any(not torch.equal(value, before[name]) for name, value in made.state_dict().items())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in made.state_dict().items())
    assert not made.training
    # Features alone are changed by LAF.
    assert torch.equal(made[3].weight, found.model[3].weight)


def test_graphs_of_pyg_and_texts():
    ring = nodes()
    masks = {}
    for name, index in (("train_mask", ring.train), ("val_mask", ring.valid), ("test_mask", ring.test)):
        masks[name] = torch.zeros(60, dtype=torch.bool).index_fill(0, index, True)
    torch.manual_seed(0)
    network = GCN(10, 8, 2, 10, dropout=0.5)
    data = Data(x=ring.x, edge_index=ring.edge_index, y=ring.y, **masks)
    made = unlearn(network, data, [3, 4], SHORT)
    assert made(ring.x, ring.edge_index).shape == (60, 10)
    embedding = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Flatten(), torch.nn.Linear(24, 3))
    assert unlearn(embedding, texts(), [0, 1], SHORT)(texts().tokens[:2]).shape == (2, 3)


@pytest.mark.parametrize(
    ("network", "forget", "method", "message"),
    [
        (mlp(0, 64, 3), [90], "laf", "forget has entry 90, but rows has entries 0 to 89"),
        (mlp(0, 64, 3), [3], "lafe", "--method 'lafe' is unknown. Did you mean laf?"),
        (
            mlp(0, 64, 2),
            [3],
            "laf",
            "the model has 2 logits, but rows has 3 classes; give the data that it was trained on",
        ),
        (mlp(0, 64, 3), [3], LAFConfig(layer="head"), "Sequential has no layer 'head'"),
    ],
)
def test_what_cannot_be_done_is_refused(network, forget, method, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        unlearn(network, images(), forget, method)
