import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ogb.utils.mol import smiles2graph
from rdkit.Chem.Scaffolds import MurckoScaffold
from torch_geometric.data import Data

from fed.data.partition import by_shares, dirichlet_shares, domain, iid, scaffold, scaffolds_of
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs

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
def test_shares_give_every_entry_once_and_every_client_one(label, clients, alpha, seed):
    label, clients = torch.tensor(label), min(clients, len(label))
    shares = dirichlet_shares(5, clients, alpha, seeded(seed))
    parts = by_shares(label, shares, seeded(seed))
    assert len(parts) == clients
    assert each_once(parts, len(label))
    assert [p.tolist() for p in parts] == [p.tolist() for p in by_shares(label, shares, seeded(seed))]


def test_shares_are_even_for_large_alpha_and_those_of_the_law_else():
    assert torch.allclose(dirichlet_shares(4, 5, 1e7, seeded(0)), torch.tensor(0.2).double(), atol=1e-3)
    for alpha in (0.5, 0.01):
        shares = dirichlet_shares(4000, 5, alpha, seeded(0))
        assert torch.allclose(shares.sum(dim=1), torch.ones(4000).double())
        # The share of one client is Beta(alpha, 4 alpha).
        assert abs(float(shares[:, 3].mean()) - 0.2) < 0.02
        assert abs(float(shares[:, 3].var()) - 0.16 / (5 * alpha + 1)) < 0.01


def test_clients_get_their_shares_of_every_class():
    label = torch.arange(3).repeat(200)
    shares = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.1, 0.2, 0.7]])
    parts = by_shares(label, shares, seeded(0))
    counts = torch.stack([torch.bincount(label[part], minlength=3) for part in parts], dim=1)
    assert torch.equal(counts, (200 * shares).round().long())
    assert not torch.equal(parts[0], by_shares(label, shares, seeded(1))[0])


def test_who_would_get_nothing_gets_one_of_the_class_that_it_has_most_of():
    label = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2])
    shares = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.0, 0.9, 0.0, 0.1], [0.5, 0.5, 0.0, 0.0]])
    parts = by_shares(label, shares, seeded(0))
    assert [label[part].tolist() for part in (parts[0], parts[3])] == [[0, 0, 0, 2], [1]]
    # The third has no share of anything; the largest client gives.
    assert [len(part) for part in parts] == [4, 3, 1, 1]


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
        by_shares(torch.tensor([0, 1]), torch.ones(2, 0), seeded(0))
    with pytest.raises(ValueError, match="--clients must be from 1 to the number of entries, 2, got 3"):
        by_shares(torch.tensor([0, 1]), torch.full((2, 3), 1 / 3), seeded(0))
    with pytest.raises(ValueError, match="--clients must be 1 or more, got 0"):
        dirichlet_shares(2, 0, 1.0, seeded(0))
    with pytest.raises(ValueError, match="--clients must be from 1 to the number of scaffolds, 1, got 2"):
        scaffold(["a", "a"], 2)
    for alpha in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="--dirichlet-alpha must be above 0"):
            dirichlet_shares(2, 2, alpha, seeded(0))
    data = molecules(["CCO", "CC"])
    plain = GraphDataset("plain", data.graphs, data.y, *[data.train] * 3, "rocauc", "categorical")
    with pytest.raises(ValueError, match=r"--partition scaffold needs molecules .* which plain lacks"):
        scaffolds_of(plain, plain.train)
    data.graphs.edge_attr[0, 0] = 4
    with pytest.raises(ValueError, match="graph 0 of toy is no molecule that rdkit can read"):
        scaffolds_of(data, data.train)


def test_a_molecule_of_impossible_valence_is_its_own_scaffold():
    data = molecules(["CCO", "c1ccccc1", "Cc1ccccc1"])
    data.graphs.x[0, 4] = 7
    assert scaffolds_of(data, data.train) == ["graph 0", "c1ccccc1", "c1ccccc1"]
