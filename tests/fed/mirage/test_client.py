import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from fed.mirage.client import STEPS, MirageClient, keyed, pack, tidy, unpack
from fed.mirage.noise import Noise
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest

BAGS = [[1, 1, 2], [1, 2, 3], [1], [2, 3], [3, 3]]
LABELS = torch.tensor([0, 0, 0, 1, 1])


def bags(groups=BAGS):
    empty = torch.empty(2, 0, dtype=torch.long)
    return Graphs.from_data_list([Data(x=torch.tensor(atoms)[:, None], edge_index=empty) for atoms in groups])


def client(**more):
    return MirageClient(bags(), LABELS, 0, 2, **more)


def reply_of(holder, step, **request):
    return holder.reply({"step": np.array(STEPS.index(step), np.uint8), **request})


def id_of(holder, *atoms):
    rows = [holder.forest.trees.x.view(-1).tolist().index(atom) for atom in atoms]
    return holder.ids[rows]


def packed(*sets):
    return np.array([[sum(1 << i for i in s)] for s in sets], np.uint8)


@given(st.lists(st.integers(-(2**61), 2**61)))
def test_integers_come_back(values):
    assert unpack(pack(np.array(values, np.int64))).tolist() == values


def test_answers_are_counts_by_hand():
    holder = client(key=b"k")
    ids = np.concatenate([id_of(holder, 1, 2, 3), np.ones((1, 2), np.uint64)])
    assert unpack(reply_of(holder, "sizes")["sizes"]).tolist() == [3, 2]
    frequent = reply_of(holder, "frequent", least=pack(np.array([3, 2])))["ids"]
    assert {row.tobytes() for row in frequent} == {row.tobytes() for row in id_of(holder, 1, 3)}
    present = reply_of(holder, "present", ids=ids)["present"]
    assert np.unpackbits(present, bitorder="little")[:4].tolist() == [
        1,
        1,
        1,
        0,
    ]
    reply = reply_of(holder, "supports", ids=ids)
    assert unpack(reply["supports"]).reshape(4, 2).tolist() == [[3, 0], [2, 1], [1, 2], [0, 0]]
    assert unpack(reply["nodes"]).tolist() == [4, 3, 4, 0]
    request = {"ids": ids, "label": np.array([0, 1], np.int16), "sets": packed([0], [2])}
    assert unpack(reply_of(holder, "extend", **request, more=packed([1, 2, 3], [0, 1]))["counts"]).tolist() == [
        2,
        1,
        0,
        0,
        1,
    ]
    reply = reply_of(holder, "describe", **{**request, "sets": packed([0, 1], [2])}, wanted=packed([2]))
    assert unpack(reply["nodes"]).tolist() == [3, 2, 3]
    assert unpack(reply["sizes"]).tolist() == [6, 4]
    assert reply["trees/x"].tolist() == [[3]]
    assert (reply["ids"] == ids[2:3]).all()


def test_a_key_hides_ids_alike_at_all_who_have_it():
    plain, one, same, other = (client(key=key).ids for key in (b"", b"k", b"k", b"l"))
    assert (one == same).all()
    assert not (one == plain).any()
    assert not (one == other).any()
    assert keyed(torch.empty(0, 2, dtype=torch.long), b"k").shape == (0, 2)


def test_noise_of_a_set_is_one_number_in_every_request():
    holder = client(noise=Noise.sample(0.05, torch.Generator().manual_seed(0)))
    ids = id_of(holder, 1, 2, 3)
    label = np.zeros(2, np.int16)
    reply = reply_of(holder, "extend", ids=ids, label=label, sets=packed([0], [1]), more=packed([1], [0]))
    counts = unpack(reply["counts"]).tolist()
    assert counts[0] == counts[1] != 2
    again = reply_of(holder, "extend", ids=ids[::-1], label=label[:1], sets=packed([2]), more=packed([1]))
    assert unpack(again["counts"]).tolist() == counts[:1]


def test_a_graph_counts_for_so_many_nodes_under_noise():
    noise = Noise.sample(1e6, torch.Generator().manual_seed(0), most_nodes=2)
    holder = MirageClient(bags([[1] * 9, [1]]), torch.tensor([0, 0]), 0, 1, noise=noise)
    assert unpack(reply_of(holder, "supports", ids=holder.ids)["nodes"]).tolist() == [3]


def test_edge_features_of_trees_that_stay_home_do_not_travel():
    pair = torch.tensor([[0, 1], [1, 0]])
    graphs = [
        Data(x=torch.tensor([[a], [a]]), edge_index=pair, edge_attr=torch.tensor([[b], [b]]))
        for a, b in ((1, 10), (2, 20))
    ]
    holder = MirageClient(Graphs.from_data_list(graphs), torch.tensor([0, 0]), 1, 1)
    row = holder.forest.trees.x.view(-1)[holder.forest.trees.roots()[-1]].tolist().index(1)
    request = {"ids": holder.ids, "label": np.zeros(1, np.int16), "sets": packed([row]), "wanted": packed([row])}
    assert reply_of(holder, "describe", **request)["trees/edge_attr"].tolist() == [[10]]
    trees = build_forest(Graphs.from_data_list(graphs), 1).trees
    assert all(torch.equal(a, b) for a, b in zip(tidy(trees).ids(), trees.ids(), strict=True))


def test_definitions_read_back_as_a_forest():
    holder = client()
    request = {"ids": holder.ids, "label": np.zeros(1, np.int16), "sets": packed([0]), "wanted": packed([0, 1, 2])}
    reply = reply_of(holder, "describe", **request)
    payload = {n.removeprefix("trees/"): torch.from_numpy(v) for n, v in reply.items() if n.startswith("trees/")}
    assert (Forest.from_payload(payload).trees.ids()[-1].numpy().view(np.uint64) == reply["ids"]).all()


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="y holds classes from 0 to 1 but there are 1 classes"):
        MirageClient(bags(), LABELS, 0, 1)
    with pytest.raises(ValueError, match="give one class for each of 5 graphs"):
        MirageClient(bags(), LABELS.float(), 0, 2)
    with pytest.raises(ValueError, match="step 9 is not one of 0 to 5"):
        client().reply({"step": np.array(9)})
    holder = client()
    request = {"ids": np.ones((1, 2), np.uint64), "label": np.zeros(1, np.int16), "sets": packed([0])}
    with pytest.raises(ValueError, match="definition of a tree that this client does not have"):
        reply_of(holder, "describe", **request, wanted=packed([0]))
