"""Train a stock PyG network on a Mirage set: ``python examples/mirage_quickstart.py [FOLDER]``.

The folder is the output of ``python -m graphdistill.mirage``; without one the screening compounds in rdkit's wheel are
distilled first.
"""

import sys

import torch
from torch.nn.functional import cross_entropy
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GraphSAGE, global_add_pool

from graphdistill import MirageConfig, distill_mirage, load, load_set

torch.manual_seed(0)
synthetic = load_set(sys.argv[1]) if sys.argv[1:] else distill_mirage(load("pains"), MirageConfig(bytes=1500))
x, classes = synthetic.forest.trees.x, synthetic.y.shape[1] if synthetic.y.dim() > 1 else int(synthetic.y.max()) + 1
embed = torch.nn.Embedding(int(x.max()) + 1, 16)
sage = GraphSAGE(16 * x.shape[1], 64, num_layers=2, out_channels=classes)
optimizer = torch.optim.Adam([*embed.parameters(), *sage.parameters()], lr=3e-3)
loader = DataLoader(list(synthetic), batch_size=16, shuffle=True)


def network(batch):
    """Logits of graphs: the mean over their nodes, weighted by ``count``."""
    nodes, count = sage(embed(batch.x.long()).flatten(1), batch.edge_index), batch.count[:, None]
    return global_add_pool(nodes * count, batch.batch) / global_add_pool(count, batch.batch)


for epoch in range(30):
    total = 0.0
    for batch in loader:
        loss = (cross_entropy(network(batch), batch.y, reduction="none") * batch.weight).sum() / synthetic.weight.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: loss {total:.3f}")
