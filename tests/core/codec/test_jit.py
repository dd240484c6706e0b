import pytest

from graphdistill.core.codec import jit

PROGRAM = """
import hashlib
import torch
from torch_geometric.data import Data
from graphdistill.core.codec import decode_graphs, encode_graphs, jit
from graphdistill.core.data.graphs import Graphs
from graphdistill.datasets import load

pains = load("pains")
data = encode_graphs(pains.graphs.subset(pains.train[:80]))
back = decode_graphs(data)
draw = torch.Generator().manual_seed(0)
dense = Data(x=torch.zeros(60, 1).long(), edge_index=(torch.rand(60, 60, generator=draw) < 0.2).nonzero().T)
dense = encode_graphs(Graphs.from_data_list([dense]))
decode_graphs(dense)
data += dense
print(jit.COMPILED, hashlib.sha256(data).hexdigest(), back.x.sum().item(), back.edge_index.sum().item())
"""


@pytest.mark.bits
@pytest.mark.long  # among the tests of bits it runs all the same
def test_compiled_and_plain_functions_give_the_same_bytes(compiled_and_plain):
    pytest.importorskip("numba")
    lines = compiled_and_plain(PROGRAM)
    assert [line[0] for line in lines] == ["True", "False"]
    assert lines[0][1:] == lines[1][1:]


def test_arrays_are_of_numpy_only_if_compiled():
    kind = (list, "ndarray")[jit.COMPILED]
    assert type(jit.array([1, 2])).__name__ == getattr(kind, "__name__", kind)
    assert list(jit.zeros(2)) == [0, 0]
    assert [list(row) for row in jit.table(2, 1)] == [[0], [0]]
