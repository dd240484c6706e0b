"""Train your own PyG model faster, with the same losses and gradients: ``python examples/lossless_own_model.py``.

Only the loader changes: it computes a row per distinct tree instead of a row per node. Trees are as deep as the model.
"""

import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GINEConv, global_mean_pool

from graphdistill import datasets
from graphdistill.mirage import LosslessLoader


class MyModel(nn.Module):
    """Two layers with bonds, batch norm, a residual and a mean readout."""

    def __init__(self, channels=64):
        super().__init__()
        self.atoms = nn.ModuleList(nn.Embedding(128, channels) for _ in range(9))
        self.bonds = nn.ModuleList(nn.Embedding(16, channels) for _ in range(3))
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for _ in range(2):
            mlp = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))
            self.convs.append(GINEConv(mlp, train_eps=True))
            self.norms.append(nn.BatchNorm1d(channels))
        self.head = nn.Linear(channels, 2)

    def forward(self, data):
        """Logits of graphs."""
        x = sum(atom(data.x[:, i].long()) for i, atom in enumerate(self.atoms))
        edge_attr = sum(bond(data.edge_attr[:, i].long()) for i, bond in enumerate(self.bonds))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + norm(conv(x, data.edge_index, edge_attr)).relu()
        return self.head(global_mean_pool(x, data.batch))


graphs, y = datasets.load_graphs("pains").split("train")
train = [graphs[i] for i in range(2000)]
for graph, label in zip(train, y, strict=False):
    graph.y = label[None]

for name in ("DataLoader", "LosslessLoader"):
    torch.manual_seed(0)
    model = MyModel()
    if name == "DataLoader":
        loader = DataLoader(train, batch_size=1000)
    else:
        loader = LosslessLoader(train, model, depth=2, batch_size=1000, accelerate=True)  # the line that changes
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    start = time.perf_counter()
    for _ in range(3):
        total = 0.0
        for batch in loader:
            loss = cross_entropy(model(batch), batch.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
    print(f"{name}: loss {total / len(loader):.4f} after 3 epochs, {(time.perf_counter() - start) / 3:.2f} s each")

model.eval()
print("the same object on an ordinary batch:", model(Batch.from_data_list(train[:3])).shape)
