import pytest
import torch
from torch import nn
from torch_geometric.explain import DummyExplainer, Explainer, GNNExplainer

from graphdistill.vqgraph.codes import CodeHead, find_meanings
from graphdistill.vqgraph.explain import explain, explainer
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import rows, small

NO_EDGES = torch.empty(2, 0, dtype=torch.long)


@pytest.fixture
def student():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VQGraphStudent(9, 16, 3).eval()


@pytest.fixture
def head():
    data = small()
    code = torch.arange(60) % 12 // 2 * 2  # every other of twelve codes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        linear = nn.Linear(16, 12)
    return CodeHead(
        linear, find_meanings(code, rows(60, 1)[:, 0], data.edge_index, data.y, num_codes=12, num_classes=3)
    )


def test_every_row_gets_its_own_answer(student, head):
    x = rows(5, 9)
    answers = explain(student, head, x)
    assert [str(answer) for answer in answers] == [str(explain(student, head, row[None])[0]) for row in x]
    assert [answer.label for answer in answers] == [f"class {c}" for c in student(x).argmax(dim=1).tolist()]
    torch.testing.assert_close(torch.tensor([a.probability for a in answers]), student(x).softmax(dim=1).amax(dim=1))


def test_the_codes_are_the_most_probable_that_a_node_has(student, head):
    x = rows(5, 9)
    share = head(student, x).softmax(dim=1)
    for answer, row in zip(explain(student, head, x, top=2), share, strict=True):
        assert [token.code for token in answer.tokens] == row.topk(2).indices.tolist()
        assert [token.probability for token in answer.tokens] == pytest.approx(row.topk(2).values.tolist())
        assert all(token.code % 2 == 0 and token.members == 10 for token in answer.tokens)
    # However many are wanted, a code without nodes explains nothing.
    (answer,) = explain(student, head, x[:1], top=100)
    assert [token.code % 2 for token in answer.tokens] == [0] * 6
    assert sum(token.probability for token in answer.tokens) == pytest.approx(1)


def test_it_reads_as_a_text(student):
    # Two codes: a path of three, and a node alone.
    path, y = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.tensor([0, 1, 1, 2])
    code, near = torch.tensor([0, 0, 0, 1]), torch.tensor([0.1, 0.0, 0.2, 0.0])
    head = CodeHead(nn.Linear(16, 2), find_meanings(code, near, path, y, num_codes=2, num_classes=3))
    head.linear.load_state_dict({"weight": torch.zeros(2, 16), "bias": torch.tensor([0.9, 0.1]).log()})
    student.lins[1].load_state_dict({"weight": torch.zeros(3, 16), "bias": torch.tensor([0.8, 0.1, 0.1]).log()})
    (answer,) = explain(student, head, torch.ones(1, 9), names=["cat", "dog", "owl"])
    assert str(answer) == (
        "cat (80%)\n"
        "  code 0 (90%): 3 nodes of the graph, 67% dog, 33% cat\n"
        "    1.3 neighbours each, 75% dog, 25% cat; nearest: 1, 0, 2\n"
        "  code 1 (10%): 1 node of the graph, 100% owl\n"
        "    0.0 neighbours each; nearest: 3"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 0}, "top must be 1 or more, got 0"),
        ({"names": ["a", "b"]}, "names must be one for each of 3 classes, got 2"),
    ],
)
def test_options_that_cannot_be(student, head, options, message):
    with pytest.raises(ValueError, match=message):
        explain(student, head, rows(1, 9), **options)


def test_a_student_in_training_mode_is_refused(student, head):
    with pytest.raises(ValueError, match=r"call student\.eval\(\) first"):
        explain(student.train(), head, rows(1, 9))


def test_features_of_another_width_are_refused(student, head):
    with pytest.raises(ValueError, match=r"x must be \[N, 9\]"):
        explain(student, head, rows(1, 8))


def test_the_features_that_an_answer_rests_on_are_found(student):
    # Only the first feature is read.
    with torch.no_grad():
        student.lins[0].weight[:, 1:] = 0
    found = explainer(student, GNNExplainer(epochs=5))(rows(4, 9), NO_EDGES, index=2)
    mask = found.node_mask
    assert mask.shape == (4, 9)
    assert mask[2, 0] > 0
    mask[2, 0] = 0
    assert mask.count_nonzero() == 0
    assert "edge_mask" not in found


@pytest.mark.parametrize("mask", ["attributes", "common_attributes", "object"])
def test_all_node_masks_work(student, mask):
    found = explainer(student, GNNExplainer(epochs=2), node_mask_type=mask)(rows(4, 9), small().edge_index[:, :0])
    assert found.node_mask.shape == {"attributes": (4, 9), "common_attributes": (1, 9), "object": (4, 1)}[mask]


def test_a_phenomenon_is_explained_too(student):
    explain_features = explainer(student, GNNExplainer(epochs=2), explanation_type="phenomenon")
    assert explain_features(rows(4, 9), NO_EDGES, target=torch.tensor([0, 1, 2, 0])).node_mask.shape == (4, 9)


@pytest.mark.parametrize("algorithm", [GNNExplainer(), DummyExplainer()])
def test_edge_masks_are_refused_with_the_reason(student, algorithm):
    with pytest.raises(ValueError, match=r"edge_mask_type must be None, got 'object': .* an MLP without edges"):
        explainer(student, algorithm, edge_mask_type="object")


def test_pygs_own_explainer_gives_no_edge_mask_either(student):
    config = {"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"}
    pygs = Explainer(student, GNNExplainer(epochs=1), "model", config, "attributes", "object")
    with pytest.raises(ValueError, match="Could not compute gradients for edges"):
        pygs(rows(4, 9), torch.tensor([[0, 1], [1, 0]]))
