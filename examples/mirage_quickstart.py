"""Train a stock PyG network on a saved Mirage set: ``python examples/mirage_quickstart.py runs/pains``."""

import sys

import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GraphConv, global_add_pool

from graphdistill.core.storage import load_set

small = load_set(sys.argv[1])
torch.manual_seed(0)
embed = torch.nn.Embedding(int(small.forest.trees.x.max()) + 1, 16)
convs = torch.nn.ModuleList([GraphConv(16 * small.forest.trees.x.shape[1], 64), GraphConv(64, 64)])
head = torch.nn.Linear(64, small.y.shape[-1] if small.y.dim() > 1 else int(small.y.max()) + 1)
optimizer = torch.optim.Adam([*embed.parameters(), *convs.parameters(), *head.parameters()], lr=1e-3)
for epoch in range(5):
    for batch in DataLoader(small, batch_size=64, shuffle=True):
        h = embed(batch.x.long()).flatten(1)
        for conv in convs:
            h = conv(h, batch.edge_index).relu()
        logits = head(global_add_pool(h * batch.count[:, None], batch.batch) / 25)
        loss = (torch.nn.functional.cross_entropy(logits, batch.y, reduction="none") * batch.weight).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")
