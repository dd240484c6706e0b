import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.codec.arithmetic import DECODE, ERROR
from graphdistill.core.codec.graph_coder import code_graph, no_source
from graphdistill.core.codec.header import CONTEXTS
from graphdistill.core.codec.jit import array
from graphdistill.core.codec.state import Sizes, new_coder
from graphdistill.core.data.graphs import Graphs


@pytest.mark.parametrize("seed", range(5))
def test_noise_decodes_to_something_or_an_error_and_never_beyond_the_arrays(seed):
    noise = torch.randint(256, (400,), generator=torch.Generator().manual_seed(seed)).tolist()
    c = new_coder(Sizes(10, 16, 4, 8, 64, 4, 32), array(noise, "uint8"), DECODE, (2, 1), CONTEXTS[0])
    for _ in range(200):
        size = code_graph(c, no_source(), 0)
        assert 0 <= size <= 16
        if c.m.reg[ERROR]:
            break
    assert c.m.reg[ERROR] != 0


def test_complete_graphs_with_more_events_than_are_kept(check_round_trip):
    size = 40
    index = torch.combinations(torch.arange(size)).T
    index = torch.cat([index, index.flip(0)], dim=1)
    graph = Data(x=torch.arange(size)[:, None] % 3, edge_index=index)
    check_round_trip(Graphs.from_data_list([graph, graph]), networkx=False)
