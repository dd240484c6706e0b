import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ogb.utils.mol import smiles2graph
from rdkit.Chem.Scaffolds import MurckoScaffold
from torch_geometric.data import Data

from fed.partition import dirichlet, domain, iid, scaffold, scaffolds_of
from graphdistill.core.data import GraphDataset, Graphs

SMILES = (
    "CCO",
    "c1ccccc1C(=O)O",
    "Cc1ccc2[nH]ccc2c1",
    "O=C1CCCN1c1ccccc1",
    "C[N+](C)(C)CC1CC1",
    "[O-][n+]1ccccc1",
    "FC(F)(F)c1ccc(cc1)C#Cc1cccnc1",
    "C[C@H]1CC[C@@H](C)O1",
    "OB(O)c1ccsc1",
    "[Na+].[Cl-]",
)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def molecules(smiles):
    graphs = [smiles2graph(s) for s in smiles]
    data = [Data(*(torch.from_numpy(g[key]) for key in ("node_feat", "edge_index", "edge_feat"))) for g in graphs]
    every = torch.arange(len(data))
    y = every % 2
    return GraphDataset("toy", Graphs.from_data_list(data), y, every, every, every, "rocauc", "ogb")


def each_once(parts, entries):
    assert all(len(part) and part.tolist() == sorted(part.tolist()) for part in parts)
    return sorted(torch.cat(parts).tolist()) == list(range(entries))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_iid_gives_every_entry_once_in_even_parts_by_its_generator(entries, clients, seed):
    clients = min(clients, entries)
    parts = iid(entries, clients, seeded(seed))
    assert each_once(parts, entries)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert [p.tolist() for p in parts] == [p.tolist() for p in iid(entries, clients, seeded(seed))]


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=50),
    st.integers(1, 50),
    st.floats(0.001, 1000),
    st.integers(0, 99),
)
def test_dirichlet_gives_every_entry_once_and_every_client_one(label, clients, alpha, seed):
    label, clients = torch.tensor(label), min(clients, len(label))
    parts = dirichlet(label, clients, alpha, seeded(seed))
    assert len(parts) == clients
    assert each_once(parts, len(label))
    assert [p.tolist() for p in parts] == [p.tolist() for p in dirichlet(label, clients, alpha, seeded(seed))]


def test_dirichlet_shares_are_even_for_large_alpha_and_those_of_the_law_else():
    label = torch.arange(4).repeat(500)
    shares = torch.stack([torch.bincount(label[p], minlength=4) for p in dirichlet(label, 5, 1e5, seeded(0))]) / 500
    assert (shares - 0.2).abs().max() < 0.01
    first = torch.tensor([len(dirichlet(label[:400] * 0, 5, 0.5, seeded(s))[0]) for s in range(400)]) / 400
    # The share of one client is Beta(0.5, 2): mean 0.2, variance 0.16 / 3.5.
    assert abs(float(first.mean()) - 0.2) < 0.03
    assert abs(float(first.var()) - 0.16 / 3.5) < 0.015


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60), st.integers(1, 8))
def test_scaffolds_stay_whole_and_no_client_could_have_done_with_one_less(names, clients):
    clients = min(clients, len(set(names)))
    parts = scaffold(names, clients)
    assert len(parts) == clients
    assert each_once(parts, len(names))
    owners = [{names[i] for i in part.tolist()} for part in parts]
    assert sum(map(len, owners)) == len(set(names))
    least = min(map(len, parts))
    for part, owned in zip(parts, owners, strict=True):
        assert len(part) - min(names.count(name) for name in owned) <= least


def test_domains_are_clients():
    assert [p.tolist() for p in domain(torch.tensor([5, 5, 2]))] == [[2], [0, 1]]


def test_scaffolds_from_graphs_are_those_of_smiles():
    expected = [MurckoScaffold.MurckoScaffoldSmiles(smiles=s, includeChirality=False) for s in SMILES]
    data = molecules(SMILES)
    assert scaffolds_of(data, torch.arange(len(SMILES))) == expected
    assert scaffolds_of(data, torch.tensor([4, 1])) == [expected[4], expected[1]]


def test_errors_name_the_option_and_the_way_out():
    with pytest.raises(ValueError, match="--clients must be from 1 to the number of entries, 3, got 4"):
        iid(3, 4, seeded(0))
    with pytest.raises(ValueError, match="--clients must be from 1 to the number of entries, 2, got 0"):
        dirichlet(torch.tensor([0, 1]), 0, 1.0, seeded(0))
    with pytest.raises(ValueError, match="--clients must be from 1 to the number of scaffolds, 1, got 2"):
        scaffold(["a", "a"], 2)
    for alpha in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="--alpha must be above 0"):
            dirichlet(torch.tensor([0, 1]), 2, alpha, seeded(0))
    data = molecules(["CCO", "CC"])
    plain = GraphDataset("plain", data.graphs, data.y, *[data.train] * 3, "rocauc", "categorical")
    with pytest.raises(ValueError, match=r"--partition scaffold needs molecules .* which plain has not"):
        scaffolds_of(plain, plain.train)
    data.graphs.edge_attr[0, 0] = 4
    with pytest.raises(ValueError, match="graph 0 of toy is no molecule that rdkit can read"):
        scaffolds_of(data, data.train)
