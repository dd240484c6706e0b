import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from torch_geometric.data import Data

from graphdistill.core.codec import decode_graphs, encode_graphs, encode_set
from graphdistill.core.codec.header import Header, seal
from graphdistill.core.data.graphs import Graphs
from graphdistill.datasets import load
from tests.hostile import refused
from tests.strategies import WILD, graph_lists

INTEGER = {"integer": WILD["integer"], "float": WILD["integer"]}
ROOT = Path(os.environ.get("GRAPHDISTILL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))


def collate(graphs):
    return Graphs.from_data_list([Data(x=g.x.long(), edge_index=g.edge_index, edge_attr=g.edge_attr) for g in graphs])


@pytest.fixture(scope="module")
def molecules():
    data = load("pains")
    return data.graphs.subset(data.train[:120])


@settings(max_examples=150)
@given(graphs=graph_lists(pools=INTEGER, edges=("none", "integer")))
def test_graphs_of_every_kind_come_back(graphs, check_round_trip):
    check_round_trip(collate(graphs))


def test_molecules_come_back_in_few_bytes(check_round_trip, molecules):
    data = check_round_trip(molecules)
    assert len(data) < 16 * len(molecules)
    assert encode_graphs(molecules) == data


def test_graphs_without_nodes(check_round_trip):
    ptr = torch.tensor([0, 0, 2, 2])
    edges = torch.tensor([0, 0, 1, 1])
    index = torch.tensor([[0], [1]])
    check_round_trip(Graphs(torch.tensor([[4], [5]]), index, None, ptr, edges))
    none = torch.empty(2, 0, dtype=torch.long)
    check_round_trip(
        Graphs(torch.empty(0, 3).long(), none, torch.empty(0, 2).long(), torch.zeros(3).long(), torch.zeros(3).long())
    )
    assert (
        len(decode_graphs(encode_graphs(Graphs(torch.empty(0, 3).long(), none, None, *[torch.zeros(1).long()] * 2))))
        == 0
    )


def test_columns_without_width(check_round_trip):
    graph = Data(
        x=torch.empty(3, 0).long(), edge_index=torch.tensor([[0, 0], [1, 1]]), edge_attr=torch.empty(2, 0).long()
    )
    check_round_trip(Graphs.from_data_list([graph]))


def test_features_that_are_all_different_outgrow_the_first_buffer(check_round_trip):
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(-(2**62), 2**62, (200, 4), generator=draw)
    check_round_trip(Graphs.from_data_list([Data(x=x, edge_index=torch.tensor([[0], [199]]))]))


def test_equal_graphs_cost_next_to_nothing():
    graph = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
    data = encode_graphs(Graphs.from_data_list([graph] * 5000))
    assert len(data) < 60
    assert len(decode_graphs(data)) == 5000


def test_large_graphs_get_their_room(check_round_trip):
    size = 9000
    steps = torch.arange(size - 1)
    graph = Data(x=steps.new_zeros(size, 1), edge_index=torch.stack([steps, steps + 1]))
    check_round_trip(Graphs.from_data_list([graph]), networkx=False)


def dense(size, share, seed):
    """A graph with two kinds of nodes, most of which close rings to many open ancestors."""
    draw = torch.Generator().manual_seed(seed)
    index = torch.triu(torch.rand(size, size, generator=draw) < share, 1).nonzero().T
    x = torch.randint(2, (size, 1), generator=draw)
    return Data(x=x, edge_index=torch.cat([index, index.flip(0)], dim=1))


def test_dense_graphs_come_back(check_round_trip):
    graphs = [dense(70, 0.3, seed) for seed in (0, 1, 0, 2)]
    data = check_round_trip(Graphs.from_data_list(graphs), networkx=False)
    alone = check_round_trip(Graphs.from_data_list(graphs[:2] + graphs[3:]), networkx=False)
    assert len(data) < len(alone) + 60


def test_changed_streams_of_dense_graphs_are_refused():
    data = encode_graphs(Graphs.from_data_list([dense(60, 0.3, seed) for seed in range(3)]))
    draw = random.Random(0)
    for _ in range(40):
        at = draw.randrange(len(data))
        with refused("the stream of graphs ", seconds=20, memory=300e6):
            decode_graphs(data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :])
    for body in (bytes(200), b"\xff" * 200, draw.randbytes(2000)):
        with refused("the stream of graphs ", seconds=20, memory=300e6):
            decode_graphs(reseal(data, lambda header, _, body=body: (header, body)))


def test_the_order_takes_labels_along(molecules):
    encoded = encode_set(molecules)
    back, order = decode_graphs(encoded.data), encoded.graph
    assert torch.equal(back.node_ptr.diff(), molecules.node_ptr.diff()[order])


def floats(*values):
    return Graphs.from_data_list([Data(x=torch.tensor([list(values)]), edge_index=torch.empty(2, 0).long())])


def test_floats_need_a_step():
    with pytest.raises(ValueError, match="x holds floats, and only integers are coded; give step=, of which each"):
        encode_graphs(floats(0.5))


@pytest.mark.parametrize("step", [0.1, 0.25, 3.0])
def test_floats_come_back_as_multiples_of_a_step(step, molecules):
    x, edge_attr = ((values.double() * step).float() for values in (molecules.x, molecules.edge_attr))
    exact = replace(molecules, x=x, edge_attr=edge_attr)
    encoded = encode_set(exact, step=step)
    back = decode_graphs(encoded.data)
    assert torch.equal(back.x, exact.x[encoded.node])
    assert torch.equal(back.x, encoded.graphs.x)
    assert torch.equal(back.edge_attr, encoded.graphs.edge_attr)
    assert torch.equal(back.edge_attr.unique(), exact.edge_attr.unique())
    assert len(encoded.data) == len(encode_graphs(molecules)) + 8
    near = encode_set(replace(exact, x=exact.x + 0.4 * step), step=step)
    assert near.data == encoded.data


def test_integers_stay_integers_beside_floats(molecules):
    back = decode_graphs(encode_graphs(replace(molecules, edge_attr=molecules.edge_attr / 2), step=0.5))
    assert (back.x.dtype, back.edge_attr.dtype) == (torch.long, torch.float32)


@pytest.mark.parametrize(
    ("x", "step", "match"),
    [
        (1e30, 0.5, "x holds 1.0000000150474662e.30; multiples of step=0.5 must fit 64 bits, so give a larger step"),
        (0.5, -1.0, "step must be above 0, got -1.0"),
    ],
)
def test_floats_that_no_step_holds_are_refused(x, step, match):
    with pytest.raises(ValueError, match=match):
        encode_graphs(floats(x), step=step)


def test_rows_beyond_64_bits_are_refused():
    graphs = replace(floats(1.0), x=torch.tensor([[2**63]], dtype=torch.uint64))
    with pytest.raises(ValueError, match=r"x is of torch\.uint64, which 64-bit integers cannot hold; give int64 or"):
        encode_graphs(graphs)


def test_cut_and_changed_streams_are_refused(molecules):
    data = encode_graphs(molecules)
    draw = random.Random(0)
    for end in [*range(40), *draw.sample(range(len(data)), 20), len(data) - 1]:
        with refused("the stream of graphs "):
            decode_graphs(data[:end])
    for _ in range(60):
        at = draw.randrange(len(data))
        with refused("the stream of graphs "):
            decode_graphs(data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :])
    with refused("the stream of graphs "):
        decode_graphs(data + b"more")


def reseal(data, change):
    """A stream with another header or body whose first check fits."""
    header, end = Header.read(data, 10**9)
    header, body = change(header, data[end + 4 :])
    return seal(header.to_bytes(), body, int.from_bytes(data[end : end + 2], "big"))


def hostile(name, data):
    huge = 2**14
    changes = {
        "more graphs": lambda h, b: (replace(h, graphs=huge), b),
        "huge graphs": lambda h, b: (replace(h, sizes=h.sizes._replace(nodes=huge, backs=huge)), b[:4]),
        "huge tables": lambda h, b: (
            replace(h, sizes=h.sizes._replace(node_symbols=huge, node_integers=huge)),
            b[::-1],
        ),
        "no room": lambda h, b: (replace(h, sizes=h.sizes._replace(nodes=1)), b),
        "wide": lambda h, b: (replace(h, width=huge), b),
        "empty": lambda h, b: (replace(h, empty=huge), b),
        "noise": lambda h, b: (h, random.Random(1).randbytes(len(b))),
        "zeros": lambda h, b: (replace(h, graphs=huge), bytes(len(b))),
        "ones": lambda h, b: (replace(h, graphs=huge), b"\xff" * len(b)),
        "nothing": lambda h, b: (h, b""),
    }
    return reseal(data, changes[name])


@pytest.mark.parametrize(
    "name",
    ["more graphs", "huge graphs", "huge tables", "no room", "wide", "empty", "noise", "zeros", "ones", "nothing"],
)
def test_hostile_streams_end_in_bounded_time_and_memory(name, molecules):
    data = hostile(name, encode_graphs(molecules))
    with refused("the stream of graphs ", seconds=20, memory=300e6):
        decode_graphs(data, limit=2**14)


def test_a_limit_can_be_set(molecules):
    data = encode_graphs(molecules)
    with pytest.raises(ValueError, match="more than the limit of 1000"):
        decode_graphs(data, limit=1000)


@pytest.mark.parametrize("name", ["pains", "MUTAG", "NCI1", "ogbg-molbace", "ogbg-molhiv"])
def test_a_sample_of_every_data_set_comes_back(name, check_round_trip):
    try:
        data = load(name, ROOT if name != "pains" else None)
    except FileNotFoundError:
        pytest.skip(f"{name} is not at hand")
    picked = torch.randperm(len(data.graphs), generator=torch.Generator().manual_seed(1))[:60]
    check_round_trip(data.graphs.subset(picked))


@pytest.mark.long
@pytest.mark.parametrize("name", ["pains", "MUTAG", "NCI1", "DD", "ogbg-molbace", "ogbg-molhiv"])
def test_all_graphs_of_every_data_set_come_back(name, check_round_trip):
    try:
        data = load(name, ROOT if name != "pains" else None)
    except FileNotFoundError:
        pytest.skip(f"{name} is not at hand")
    # Proteins of DD are large, so only some of them are coded.
    graphs = data.graphs.subset(torch.arange(100)) if name == "DD" else data.graphs
    check_round_trip(graphs, networkx=False)


def test_a_prior_helps_few_molecules_and_is_named_in_the_header(molecules):
    few = molecules.subset(torch.arange(20))
    encoded = encode_set(few, prior="moses500")
    data, order, back = encoded.data, encoded.graph, decode_graphs(encoded.data)
    assert len(data) < 0.85 * len(encode_graphs(few))
    assert Header.read(data, 10**6)[0].prior == "moses500"
    assert torch.equal(back.edge_ptr.diff(), few.edge_ptr.diff()[order])
    assert torch.equal(back.x.sum(0), few.x.sum(0))


def test_a_prior_that_is_not_installed_gives_one_clear_line(molecules):
    with pytest.raises(ValueError, match="the set needs the prior 'moses999', which this release does not"):
        encode_graphs(molecules, prior="moses999")


def test_a_prior_of_other_columns_is_refused():
    graph = Data(x=torch.tensor([[6]]), edge_index=torch.empty(2, 0).long())
    with pytest.raises(ValueError, match="the set has 1 and None columns of x and edge_attr, but its prior"):
        encode_graphs(Graphs.from_data_list([graph]), prior="moses500")
