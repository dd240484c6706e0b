import torch
from torch_geometric.data import Data

from graphdistill.core.codec import encode_graphs
from graphdistill.core.codec.symbol_coder import most
from graphdistill.core.data.graphs import Graphs


def test_room_for_rows():
    assert most(7, 3) == 2
    assert most(0, 0) == 1 << 31


def test_likely_symbols_are_cheap_and_rare_ones_come_back(check_round_trip):
    draw = torch.Generator().manual_seed(0)
    index = torch.cat([torch.stack([torch.arange(49), torch.arange(49) + 1]), torch.tensor([[0], [49]])], dim=1)
    rare = [Data(x=torch.randint(400, (50, 1), generator=draw), edge_index=index) for _ in range(8)]
    check_round_trip(Graphs.from_data_list(rare), networkx=False)
    likely = [Data(x=(torch.rand(50, 1, generator=draw) > 0.05).long(), edge_index=index) for _ in range(8)]
    assert len(encode_graphs(Graphs.from_data_list(likely))) * 4 < len(encode_graphs(Graphs.from_data_list(rare)))
