"""The student as a GraphGym network: import this before ``create_model`` and set ``model.type: vqgraph_student``."""

from torch_geometric.graphgym.register import register_network

from graphdistill.vqgraph.student import VQGraphStudent


@register_network("vqgraph_student")
class GraphGymStudent(VQGraphStudent):
    """A student that takes GraphGym's batch and gives predictions and labels of its split."""

    def __init__(self, dim_in, dim_out, hidden_channels=128):
        super().__init__(dim_in, hidden_channels, dim_out)

    def forward(self, batch):
        """Logits and labels of the nodes in ``batch.split``."""
        mask = batch[f"{batch.split}_mask"]
        return super().forward(batch.x)[mask], batch.y[mask]
