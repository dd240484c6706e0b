"""The student as a GraphGym network: import this before ``create_model`` and set ``model.type: vqgraph_student``.

``python examples/graphgym_student.py`` trains it for a few steps as GraphGym does, on a graph of scikit-learn's digits.
"""

import warnings

import torch
from torch_geometric.data import Batch, Data

from graphdistill.vqgraph.student import VQGraphStudent

with warnings.catch_warnings():
    # GraphGym imports yacs and lightning, which networks do not need.
    warnings.simplefilter("ignore")
    from torch_geometric.graphgym.register import network_dict, register_network


@register_network("vqgraph_student")
class GraphGymStudent(VQGraphStudent):
    """A student that maps GraphGym's batch to logits and labels of its split."""

    def __init__(self, dim_in, dim_out, hidden_channels=128):
        super().__init__(dim_in, hidden_channels, dim_out)

    def forward(self, batch):
        """Logits and labels of the nodes in ``batch.split``."""
        mask = batch[f"{batch.split}_mask"]
        return super().forward(batch.x)[mask], batch.y[mask]


def main():
    """Create the network by its name, train it, and print its validation accuracy."""
    from graphdistill import datasets

    data = datasets.load("digits-knn")
    masks = {name: torch.zeros(len(data.y), dtype=torch.bool) for name in ("train", "val")}
    masks["train"][data.train], masks["val"][data.valid] = True, True
    graph = Data(x=data.x, edge_index=data.edge_index, y=data.y, train_mask=masks["train"], val_mask=masks["val"])
    batch = Batch.from_data_list([graph])
    torch.manual_seed(0)
    network = network_dict["vqgraph_student"](data.x.shape[1], int(data.y.max()) + 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(101):
        batch.split = "train"
        loss = torch.nn.functional.cross_entropy(*network(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 25 == 0:
            batch.split = "val"
            logits, y = network.eval()(batch)
            network.train()
            print(f"step {step}: loss {loss:.3f}, validation accuracy {(logits.argmax(dim=1) == y).float().mean():.3f}")


if __name__ == "__main__":
    main()
