import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.codec import Labels, decode_graphs, decode_set, encode_graphs, encode_set
from graphdistill.core.data.graphs import Graphs

DRAW = torch.Generator().manual_seed(0)
SIZE = 60


@pytest.fixture(scope="module")
def graphs():
    def path(length):
        steps = torch.arange(length - 1)
        return Data(x=torch.zeros(length, 1).long(), edge_index=torch.stack([steps, steps + 1]))

    return Graphs.from_data_list([path(2 + k % 7) for k in range(SIZE)])


def tasks():
    y = (torch.rand(SIZE, 3, generator=DRAW) > 0.5).float()
    y[torch.rand(SIZE, 3, generator=DRAW) > 0.7] = torch.nan
    return y


CASES = {
    "hard": Labels(torch.randint(3, (SIZE,), generator=DRAW)),
    "soft": Labels(torch.rand(SIZE, 4, generator=DRAW).softmax(dim=1), bits=8),
    "two bits": Labels(torch.rand(SIZE, 2, generator=DRAW).softmax(dim=1), bits=2),
    "tasks": Labels(tasks(), "multilabel", bits=1),
    "weights": Labels(torch.zeros(SIZE).long(), weight=torch.rand(SIZE, generator=DRAW)),
    "all": Labels(
        tasks(),
        "multilabel",
        weight=torch.tensor([0.5, 0.25] * (SIZE // 2)),
        count=torch.randint(1, 9, (SIZE,), generator=DRAW),
        bits=6,
    ),
}


@pytest.mark.parametrize("labels", CASES.values(), ids=CASES.keys())
def test_labels_travel_with_their_graphs(labels, graphs):
    encoded = encode_set(graphs, labels)
    order, (back, got) = encoded.graph, decode_set(encoded.data)
    for name in ("y", "weight", "count"):
        want, found = getattr(encoded.labels, name), getattr(got, name)
        assert (want is None) == (found is None)
        assert want is None or torch.equal(found.nan_to_num(-1), want.nan_to_num(-1))
    assert torch.equal(back.node_ptr.diff(), graphs.node_ptr.diff()[order])
    assert (got.task, got.y.dtype, got.y.shape) == (labels.task, labels.y.dtype, labels.y.shape)
    error = (got.y.nan_to_num(-1) - labels.y[order].nan_to_num(-1)).abs().double()
    steps = 2**labels.bits - 1
    columns = labels.y.shape[-1] if labels.y.dim() == 2 else 1
    assert error.max() <= (0 if labels.y.dim() == 1 or labels.bits == 1 else columns * 0.5 / steps + 1e-6)
    for name in ("weight", "count"):
        want, found = getattr(labels, name), getattr(got, name)
        assert (want is None) == (found is None)
        assert want is None or torch.equal(found, want[order])


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("columns", [2, 4])
def test_rounded_labels_come_back_unchanged_in_the_same_bytes(graphs, bits, columns):
    soft = Labels((3 * torch.randn(SIZE, columns, generator=DRAW)).softmax(dim=1), bits=bits)
    first, again = encode_set(graphs, soft), encode_set(graphs, soft.stored())
    assert first.data == again.data
    assert torch.equal(decode_set(again.data)[1].y, soft.stored(first.graph).y)


def targets(bits: int) -> Labels:
    y = 10 * torch.randn(SIZE, 2, generator=DRAW) - torch.tensor([0.0, 1000.0])
    y[torch.rand(SIZE, 2, generator=DRAW) > 0.8] = torch.nan
    return Labels(y, "regression", bits=bits)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_targets_travel_within_half_a_step_and_come_back_in_the_same_bytes(graphs, bits):
    labels = targets(bits)
    first, again = encode_set(graphs, labels), encode_set(graphs, labels.stored())
    assert first.data == again.data
    got = decode_set(again.data)[1]
    assert got.task == "regression"
    assert torch.equal(got.y.nan_to_num(0), labels.stored(first.graph).y.nan_to_num(0))
    want = labels.y[first.graph]
    assert torch.equal(torch.isnan(got.y), torch.isnan(want))
    width = want.nan_to_num(torch.inf).amin(dim=0).sub(want.nan_to_num(-torch.inf).amax(dim=0)).abs()
    assert bool(((got.y - want).abs().nan_to_num().amax(dim=0) <= 0.52 * width / 2**bits + 2e-3).all())


def test_only_streams_with_targets_have_the_second_version(graphs):
    versions = [encode_set(graphs, labels).data[0] >> 4 for labels in (*CASES.values(), None, targets(4))]
    assert versions == [1] * (len(CASES) + 1) + [2]


def test_labels_cost_their_entropy(graphs):
    bare = len(encode_graphs(graphs))
    assert len(encode_set(graphs, Labels(torch.zeros(SIZE).long())).data) <= bare + 8
    assert len(encode_set(graphs, CASES["hard"]).data) <= bare + SIZE * 1.6 / 8 + 16


def test_a_set_is_read_without_its_labels_and_no_set_without_labels(graphs):
    assert len(decode_graphs(encode_set(graphs, CASES["all"]).data)) == SIZE
    with pytest.raises(ValueError, match="the stream of graphs has no labels; read it with decode_graphs"):
        decode_set(encode_graphs(graphs))


def test_changed_labels_are_refused(graphs):
    data = encode_set(graphs, CASES["all"]).data
    for at in range(len(data) - 40, len(data)):
        with pytest.raises(ValueError, match="the stream of graphs "):
            decode_set(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"y": torch.zeros(3)}, r"y of torch.float32 \[3\] with task multiclass must be long"),
        ({"y": torch.zeros(3).long(), "task": "multilabel"}, "with task multilabel must be long"),
        ({"y": torch.full((3, 2), 1.5)}, "y holds values outside of 0 to 1; give probabilities"),
        ({"y": torch.full((3, 2), torch.nan)}, "y holds values outside of 0 to 1"),
        ({"y": torch.full((3, 2), 0.7)}, "y has rows whose sum is not 1; give probabilities of classes, or task="),
        ({"y": torch.zeros(3).long(), "task": "regression"}, "with task regression must be long"),
        (
            {"y": torch.full((3, 2), torch.inf), "task": "regression"},
            "y holds targets beyond 32-bit floats; give finite",
        ),
        ({"y": torch.zeros(3).long(), "bits": 9}, "bits must be from 1 to 8, got 9"),
        (
            {"y": torch.zeros(3).long(), "task": "other"},
            "task must be multiclass or multilabel or regression, got 'other'",
        ),
        (
            {"y": torch.zeros(3).long(), "weight": torch.ones(2)},
            r"weight has shape \[2\]; give one for each",
        ),
    ],
)
def test_labels_that_do_not_fit_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        Labels(**arguments)


def test_as_many_labels_as_graphs(graphs):
    with pytest.raises(ValueError, match="there are 3 labels and 60 graphs; give each graph one label"):
        encode_set(graphs, Labels(torch.zeros(3).long()))
