"""Train a GCN in plain PyG, distil it into an MLP, and predict the class of an unseen node without the graph.

``python examples/vqgraph_in_pyg.py [FOLDER]`` saves the student in the folder (default: a temporary one).
"""

import sys
import tempfile

import torch
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GCN, MLP

from graphdistill import datasets
from graphdistill.kd.nodes.inductive import inductive_split
from graphdistill.vqgraph.codes import describe
from graphdistill.vqgraph.distill import VQGraphConfig, distill_vqgraph
from graphdistill.vqgraph.explain import explain
from graphdistill.vqgraph.storage import load_codes, load_student, save_student

folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
torch.manual_seed(0)
split = inductive_split(datasets.load("digits-knn"), "inductive", generator=torch.Generator().manual_seed(0))
data, whole = split.data, split.whole  # the data without and with the held-out nodes

teacher = GCN(data.x.shape[1], 128, num_layers=2, out_channels=10, dropout=0.5)
optimizer = torch.optim.Adam(teacher.parameters(), lr=0.01, weight_decay=5e-4)
for _ in range(100):
    optimizer.zero_grad()
    cross_entropy(teacher(data.x, data.edge_index)[data.train], data.y[data.train]).backward()
    optimizer.step()

result = distill_vqgraph(teacher, data, VQGraphConfig())
codes = describe(result, teacher, data)
save_student(result.student, folder, codes=codes, card={"teacher": "GCN", "valid": result.valid})

student, codes = load_student(folder), load_codes(folder)
unseen = whole.x[split.unseen]
right = (student(unseen).argmax(dim=1) == whole.y[split.unseen]).float().mean()
print(f"{right:.1%} of {len(unseen)} unseen nodes correct, without the graph")

mlp = MLP([data.x.shape[1], 128, 10], norm=None).eval()
mlp.load_state_dict(student.state_dict())
print("the same in torch_geometric.nn.MLP:", torch.equal(mlp(unseen), student(unseen)))

print(f"one node, a {whole.y[split.unseen[0]]}:")
print(explain(student, codes, unseen[:1], names=[f"digit {digit}" for digit in range(10)])[0])
print("the student is saved in", folder)
