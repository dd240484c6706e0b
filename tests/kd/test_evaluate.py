import pytest
import torch

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.evaluate import build, latency, network_bytes, score_seed, train_teacher, trivial
from tests.kd.samples import images, mlp, nodes


def test_all_rows_of_a_seed_share_the_first_weights():
    view = NodeView(nodes())
    found = score_seed(view, "kd", KDConfig(steps=20, eval_every=10), teacher=["GCN"], seed=1)
    assert list(found) == ["teacher", "labels alone", "kd", "untrained"]
    fresh = build(view, "MLP", "student", 1).parameters()
    assert all(torch.equal(a, b) for a, b in zip(found["untrained"].network.parameters(), fresh, strict=True))
    assert found["kd"].test == view.score(found["kd"].network, "test")
    assert found["untrained"].seconds == 0 < found["kd"].seconds
    assert 0 <= found["kd"].calibration <= 1


def test_a_network_is_named_by_the_kind_of_data():
    with pytest.raises(
        ValueError, match="--student 'MLQ' is unknown for nodes; choose from MLP, GCN-16, mixed-GNN, GCN"
    ):
        build(NodeView(nodes()), "MLQ", "student", 0)
    assert type(build(NodeView(nodes()), "GraphSAGE", "student", 0)).__name__ == "GraphSAGE"


def test_costs_and_the_majority_class():
    view, network = ImageView(images()), mlp(0, 64, 3)
    times = latency(view, network, draws=3, batch=8)
    assert 0 < times["in a batch"] < times["one, p99"]
    assert times["one"] <= times["one, p99"]
    assert network_bytes(network) == 4 * (64 * 16 + 16 + 16 * 3 + 3)
    assert trivial(view) == pytest.approx(1 / 3)


def test_teachers_of_one_kind_differ_by_their_seeds():
    view, config = NodeView(nodes()), KDConfig(steps=2)
    both = train_teacher(view, ["GCN", "GCN"], config, seed=3)
    first, second = (list(member.parameters()) for member in both.members)
    alone = list(train_teacher(view, ["GCN"], config, seed=3).parameters())
    assert all(torch.equal(a, b) for a, b in zip(first, alone, strict=True))
    assert not torch.equal(first[-2], second[-2])
