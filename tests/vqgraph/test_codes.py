from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import build_teacher, fit_teacher, teacher_outputs
from graphdistill.vqgraph.codes import CodeHead, Meanings, describe, find_meanings
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.distill import distill_vqgraph
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import rows, small

CONFIG = VQGraphConfig(num_codes=12, hidden=16, epochs=20)


def plain_meanings(code, distance, edge_index, y, num_codes, num_classes, nearest):
    """One code after the other, one node after the other."""
    out = []
    for k in range(num_codes):
        mine = [i for i in range(len(code)) if code[i] == k]
        others = [int(y[u]) for u, v in edge_index.T.tolist() if code[v] == k]
        close = sorted(mine, key=lambda i: (float(distance[i]), i))[:nearest]
        out.append(
            (
                len(mine),
                close + [-1] * (nearest - len(close)),
                len(others) / max(1, len(mine)),
                [sum(int(y[i]) == c for i in mine) / max(1, len(mine)) for c in range(num_classes)],
                [others.count(c) / max(1, len(others)) for c in range(num_classes)],
            )
        )
    return Meanings(*(torch.tensor(column) for column in zip(*out, strict=True)))


@pytest.mark.parametrize("nearest", [1, 3, 100])
def test_meanings_are_what_a_plain_count_gives(nearest):
    data = small()
    code = torch.randint(5, (60,), generator=torch.Generator().manual_seed(1)) * 2  # every other code has no node
    distance = (rows(60, 1).view(-1) * 4).round().abs()  # with ties
    sizes = {"num_codes": 10, "num_classes": 3, "nearest": nearest}
    got = find_meanings(code, distance, data.edge_index, data.y, **sizes)
    want = plain_meanings(code, distance, data.edge_index, data.y, **sizes)
    for name, a, b in zip(Meanings._fields, got, want, strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_a_graph_without_edges_has_codes_without_neighbours():
    none = torch.empty(2, 0, dtype=torch.long)
    got = find_meanings(torch.tensor([0, 0]), torch.zeros(2), none, torch.tensor([1, 1]), num_codes=1, num_classes=2)
    assert (got.degree.tolist(), got.classes.tolist(), got.neighbours.tolist()) == ([0.0], [[0.0, 1.0]], [[0.0, 0.0]])


@pytest.fixture(scope="module")
def distilled():
    data = small()
    teacher, layer = build_teacher("GCN", 9, 3, hidden_channels=16)
    fit_teacher(teacher, data, TeacherConfig(epochs=20))
    return data, teacher, distill_vqgraph(teacher, data, CONFIG, layer=layer)


def test_the_head_of_a_distilled_student_is_described(distilled):
    data, teacher, result = distilled
    head = describe(result, teacher, data)
    assert torch.equal(head.meanings.members, torch.bincount(result.code, minlength=12))
    for code, nodes in enumerate(head.meanings.nearest.tolist()):
        assert all(result.code[node] == code for node in nodes if node >= 0)
    # The nearest node is the one whose row is most like the code.
    hidden = teacher_outputs(teacher, "convs.0", data.x, data.edge_index)[1]
    similar = result.tokenizer.codebook.similarity(result.tokenizer.encode(hidden))
    for code in result.code.unique().tolist():
        mine = (result.code == code).nonzero().view(-1)
        assert similar[head.meanings.nearest[code, 0], code] >= similar[mine, code].max() - 1e-6


def test_a_training_label_counts_for_more_than_the_teacher(distilled):
    data, teacher, result = distilled
    data = replace(data, y=torch.zeros_like(data.y), train=torch.arange(60))
    assert describe(result, teacher, data).meanings.classes[result.code.unique(), 0].eq(1).all()


def test_the_head_says_what_training_used(distilled):
    data, teacher, result = distilled
    head = describe(result, teacher, data)
    with torch.no_grad():
        h = result.student.lins[0](data.x).relu()
        want = result.head(h)
        got = head(result.student, data.x)
    used = head.meanings.members > 0
    torch.testing.assert_close(got[:, used], want[:, used])
    assert got[:, ~used].isneginf().all()
    torch.testing.assert_close(got.softmax(dim=1).sum(dim=1), torch.ones(60))


def test_the_head_is_not_in_the_student(distilled):
    result = distilled[2]
    assert {name.split(".")[0] for name in result.student.state_dict()} == {"lins"}


def test_a_student_without_codes_cannot_be_described(distilled):
    data, teacher, _ = distilled
    result = distill_vqgraph(teacher, data, replace(CONFIG, code_weight=0.0))
    with pytest.raises(ValueError, match="result has no codes to describe; distil with code_weight above 0"):
        describe(result, teacher, data)


def test_a_head_of_another_student_is_refused(distilled):
    data, teacher, result = distilled
    other = VQGraphStudent(9, 8, 3).eval()
    with pytest.raises(ValueError, match="width 16, the student's has 8; give the head that was trained with"):
        describe(result, teacher, data)(other, data.x)


def test_the_head_moves_as_a_module():
    meanings = plain_meanings(torch.tensor([0]), torch.zeros(1), torch.empty(2, 0), torch.tensor([0]), 1, 1, 1)
    head = CodeHead(nn.Linear(4, 1), meanings).to("meta")
    assert {tensor.device.type for tensor in [*head.meanings, *head.parameters()]} == {"meta"}
