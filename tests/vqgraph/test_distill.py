from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GINConv, SAGEConv

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import scoped
from graphdistill.core.training.fit import FitResult
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import TeacherName, build_teacher, fit_teacher
from graphdistill.vqgraph import VQGraphStudent, distill
from graphdistill.vqgraph.config import TokenizerConfig
from graphdistill.vqgraph.distill import (
    Distilled,
    VQGraphConfig,
    build_student,
    build_tokenizer,
    code_loss,
    distill_vqgraph,
    fit_student,
    hard_loss,
    soft_loss,
    weighted,
)
from graphdistill.vqgraph.tokenizer import Tokenizer
from tests.kd.nodes.samples import rows, small

DATA = small()
TINY = VQGraphConfig(num_codes=6, hidden=8, epochs=8)
NODES = torch.tensor([3, 0, 59, 20])


class Own(nn.Module):
    """What a user might have: two kinds of layers by names of their own, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleDict({"first": SAGEConv(9, 12), "second": GINConv(nn.Linear(12, 3))})
        self.norm = nn.BatchNorm1d(12)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h = self.norm(self.body["first"](x, edge_index)).relu()
        out: Tensor = self.body["second"](F.dropout(h, training=self.training), edge_index)
        return out


def trained(name: TeacherName = "GCN") -> tuple[nn.Module, str]:
    with scoped(0, "test"):
        teacher, layer = build_teacher(name, 9, 3, hidden_channels=8)
    fit_teacher(teacher, DATA, TeacherConfig(epochs=5))
    return teacher, layer


def digest(*modules: nn.Module | None) -> str:
    """Hash of all weights and buffers."""
    out = hashlib.sha256()
    for module in modules:
        for name, value in ({} if module is None else module.state_dict()).items():
            out.update(name.encode() + value.numpy().tobytes())
    return out.hexdigest()


def whole(found: Distilled) -> str:
    return digest(found.student, found.tokenizer, found.head)


@pytest.mark.parametrize("name", ["GCN", "GraphSAGE", "GAT", "APPNP"])
def test_every_teacher_gives_a_student_and_its_codes(name: TeacherName) -> None:
    teacher, layer = trained(name)
    found = distill_vqgraph(teacher, DATA, TINY, layer=layer)
    assert isinstance(found.student, VQGraphStudent)
    assert not any(module.training for module in found.student.modules())
    assert found.student(DATA.x[:1]).shape == (1, 3)
    assert found.code is not None
    assert found.tokenizer is not None
    assert found.head is not None
    assert found.health is not None
    assert found.code.shape == (60,)
    assert found.head.weight.shape == (6, 8)
    assert found.health.live == len(found.code.unique()) >= 3
    assert 0 <= found.valid <= 1
    assert 0 < found.epoch <= 8
    assert found.seconds > 0


@pytest.mark.parametrize("training", [True, False])
def test_a_teacher_of_ones_own_is_not_touched_and_neither_is_the_global_generator(training: bool) -> None:
    with scoped(0, "test"):
        teacher = Own().train(training)
    before, state = digest(teacher), torch.get_rng_state()
    found = distill_vqgraph(teacher, DATA, replace(TINY, hard_weight=0.5), layer="body.first")
    assert digest(teacher) == before
    assert all(module.training == training for module in teacher.modules())
    assert all(weight.grad is None and weight.requires_grad for weight in teacher.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert found.tokenizer is not None
    assert found.tokenizer.project.in_features == 12


@pytest.mark.bits
@pytest.mark.parametrize("batch_size", [None, 16])
def test_the_same_seed_gives_the_same_bytes(batch_size: int | None) -> None:
    teacher, _ = trained()
    config = replace(TINY, batch_size=batch_size, hard_weight=0.5)
    first, again, other = (
        distill_vqgraph(teacher, DATA, config, generator=torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)
    )
    assert whole(first) == whole(again)
    assert whole(first) != whole(other)
    assert first.code is not None
    assert again.code is not None
    assert torch.equal(first.code, again.code)
    assert (first.valid, first.epoch) == (again.valid, again.epoch)


def test_labels_of_other_nodes_than_those_of_training_and_validation_are_not_read() -> None:
    teacher, _ = trained()
    y = DATA.y.clone()
    y[DATA.test] = -1
    config = replace(TINY, hard_weight=0.5)
    want = whole(distill_vqgraph(teacher, DATA, config))
    assert whole(distill_vqgraph(teacher, replace(DATA, y=y), config)) == want
    y[DATA.train] = (y[DATA.train] + 1) % 3
    assert whole(distill_vqgraph(teacher, replace(DATA, y=y), config)) != want


def test_without_a_code_loss_there_are_no_codes_and_the_student_starts_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher, _ = trained()
    found = distill_vqgraph(teacher, DATA, replace(TINY, code_weight=0))
    assert (found.tokenizer, found.head, found.code, found.health) == (None, None, None, None)
    monkeypatch.setattr(distill, "fit_student", lambda *args, **kwargs: FitResult(0.0, 0, 0.0))
    starts = {digest(distill_vqgraph(teacher, DATA, replace(TINY, code_weight=w)).student) for w in (0, 0.3)}
    assert len(starts) == 1


def test_whatever_the_config_says_changes_the_student() -> None:
    teacher, _ = trained()
    spread = [{}, {"spread_steps": 0}, {"restart": 0.7}, {"feature_neighbours": 0}, {"feature_weight": 2.0}]
    changes: list[dict[str, Any]] = [{"targets": "spread", **change} for change in (*spread, {"sharpen": 1.0})]
    changes += [{}, {"confidence": 0.9}, {"spreadings": ()}, {"input_dropout": 0.0}, {"dropout": 0.0}]
    changes += [{"hard_weight": 0.1}, {"hard_weight": 0.5}, {"code_weight": 0.1}, {"code_weight": 0.6}]
    configs = [replace(TINY, **{"code_weight": 0.0, **change}) for change in changes]
    assert len({digest(distill_vqgraph(teacher, DATA, config).student) for config in configs}) == len(configs)


def test_a_student_may_be_a_single_layer() -> None:
    teacher, _ = trained()
    found = distill_vqgraph(teacher, DATA, replace(TINY, num_layers=1))
    assert len(found.student.lins) == 1
    assert found.head is not None
    assert found.head.in_features == 3


def test_data_of_pyg_with_masks_is_taken_as_it_is() -> None:
    teacher, _ = trained()
    masks = {}
    for name, nodes in (("train", DATA.train), ("val", DATA.valid), ("test", DATA.test)):
        masks[f"{name}_mask"] = torch.zeros(60, dtype=torch.bool).index_fill_(0, nodes, True)
    theirs = Data(x=DATA.x, edge_index=DATA.edge_index, y=DATA.y, **masks)
    assert whole(distill_vqgraph(teacher, theirs, TINY)) == whole(distill_vqgraph(teacher, DATA, TINY))


def test_a_graph_of_many_parts_is_distilled_like_any_other() -> None:
    teacher, _ = trained()
    found = distill_vqgraph(teacher, replace(DATA, edge_index=DATA.edge_index[:, :10]), TINY)
    assert bool(torch.isfinite(found.student(DATA.x)).all())


def test_the_student_learns_what_the_teacher_says() -> None:
    data = replace(DATA, x=DATA.x + 4 * torch.eye(3).repeat(1, 3)[DATA.y])
    teacher = Own()
    fit_teacher(teacher, data, TeacherConfig(epochs=60))
    config = VQGraphConfig(num_codes=6, hidden=16, epochs=60)
    found = distill_vqgraph(teacher, data, config, layer="body.first")
    right = (found.student(data.x).argmax(dim=1) == data.y)[data.test]
    assert float(right.float().mean()) > 0.9
    assert found.valid > 0.9


def broken(**changes: Any) -> NodeDataset:
    return replace(DATA, **changes)


def put(values: Tensor, node: int, value: float) -> Tensor:
    values = values.clone()
    values[node] = value
    return values


@pytest.mark.parametrize(
    ("data", "layer", "message"),
    [
        (
            broken(y=put(DATA.y, int(DATA.train[2]), -1)),
            "convs.0",
            rf"no label at 1 of the nodes of train, the first is {DATA.train[2]};",
        ),
        (
            broken(y=put(DATA.y, int(DATA.valid[0]), -1)),
            "convs.0",
            rf"no label at 1 of the nodes of valid, the first is {DATA.valid[0]};",
        ),
        (broken(edge_index=DATA.edge_index[:, :0]), "convs.0", "edge_index holds no edge"),
        (broken(train=DATA.train[:0]), "convs.0", "train has no nodes; give more"),
        (broken(valid=DATA.valid[:0]), "convs.0", "valid has no nodes; give more"),
        (DATA, "convs.7", r"layer 'convs.7' is not in the teacher; it has .*convs\.1"),
        (DATA, "", "layer '' is not in the teacher"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(data: NodeDataset, layer: str, message: str) -> None:
    teacher, _ = build_teacher("GCN", 9, 3, hidden_channels=8)
    with pytest.raises(ValueError, match=message):
        distill_vqgraph(teacher, data, TINY, layer=layer)


def test_more_codes_than_nodes_are_refused() -> None:
    teacher, _ = trained()
    with pytest.raises(ValueError, match="num_codes is 61 but there are only 60"):
        distill_vqgraph(teacher, DATA, replace(TINY, num_codes=61))


def test_a_class_that_the_teacher_does_not_know_is_refused() -> None:
    teacher, _ = trained()
    with pytest.raises(ValueError, match="y has class 3 but the teacher has only 3 logits"):
        distill_vqgraph(teacher, replace(DATA, y=put(DATA.y, int(DATA.valid[1]), 3)), TINY)
    distill_vqgraph(teacher, replace(DATA, y=put(DATA.y, int(DATA.test[1]), 3)), TINY)


def test_a_teacher_of_nan_is_refused() -> None:
    teacher, _ = trained()
    with torch.no_grad():
        next(teacher.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="logits hold NaN or infinity"):
        distill_vqgraph(teacher, DATA, TINY)


def test_soft_labels_are_learnt_at_every_node() -> None:
    soft = rows(60, 3).softmax(dim=1)
    ours, plain = rows(4, 3, 1).requires_grad_(), rows(4, 3, 1).requires_grad_()
    got = soft_loss(soft)(NODES, ours, ours)
    want = -(soft[NODES] * plain.log_softmax(dim=1)).sum(dim=1).mean()
    alike(got, want, ours, plain)


def test_hard_labels_are_learnt_at_training_nodes_alone() -> None:
    data = replace(DATA, train=torch.tensor([3, 20, 41]))
    ours, plain = rows(4, 3, 1).requires_grad_(), rows(4, 3, 1).requires_grad_()
    got = hard_loss(data)(NODES, ours, ours)
    known = [plain[place].log_softmax(dim=0)[DATA.y[NODES[place]]] for place in (0, 3)]
    want = -torch.stack(known).mean()
    alike(got, want, ours, plain)


def test_a_batch_without_training_nodes_has_no_hard_labels() -> None:
    logits = rows(4, 3).requires_grad_()
    loss = hard_loss(replace(DATA, train=torch.tensor([1])))(NODES, logits, logits)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_codes_are_learnt_over_those_in_use(metric: Any) -> None:
    config = VQGraphConfig(num_codes=5, hidden=8, code_temperature=0.5)
    with scoped(0, "test"):
        tokenizer, head = Tokenizer(8, 9, 5, 4, metric=metric), nn.Linear(8, 5)
        tokenizer.codebook.codes.copy_(rows(5, 4, 3))
    hidden, code = rows(60, 8), torch.arange(60) % 3 + 1
    ours, plain = rows(4, 8, 1).requires_grad_(), rows(4, 8, 1).requires_grad_()
    got = code_loss(tokenizer, hidden, code, head, config)(NODES, rows(4, 3), ours)
    terms = []
    for place, node in enumerate(NODES.tolist()):
        z = tokenizer.encode(hidden[node]).detach()
        away = [-((z - tokenizer.codebook.codes[k]) ** 2).sum() for k in (1, 2, 3)]
        if metric == "cosine":
            away = [z @ tokenizer.codebook.codes[k] / z.norm() for k in (1, 2, 3)]
        target = (torch.stack(away) / 0.5).softmax(dim=0)
        terms.append(-(target * head(plain[place])[1:4].log_softmax(dim=0)).sum())
    alike(got, torch.stack(terms).mean(), ours, plain)
    assert head.weight.grad is not None
    assert head.weight.grad.any(dim=1).tolist() == [False, True, True, True, False]
    assert all(weight.grad is None for weight in tokenizer.parameters())


def test_a_weight_multiplies_a_loss_and_its_gradient() -> None:
    soft = rows(60, 3).softmax(dim=1)
    ours, plain = rows(4, 3, 1).requires_grad_(), rows(4, 3, 1).requires_grad_()
    alike(weighted(soft_loss(soft), 0.25)(NODES, ours, ours), 0.25 * soft_loss(soft)(NODES, plain, plain), ours, plain)


def alike(got: Tensor, want: Tensor, ours: Tensor, plain: Tensor) -> None:
    """Fail unless two losses and their gradients are the same."""
    got.backward()
    want.backward()
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(ours.grad, plain.grad)


def test_the_sum_of_the_losses_is_what_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(TINY, epochs=1, lr=0.1, weight_decay=0.0)
    soft = rows(60, 3).softmax(dim=1)
    students = []
    for losses in ([soft_loss(soft), weighted(soft_loss(soft), 2.0)], [weighted(soft_loss(soft), 3.0)]):
        with scoped(0, "test"):
            students.append(build_student(9, 3, config))
        fit_student(students[-1], DATA, losses, config)
    for one, other in zip(*(student.parameters() for student in students), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("epochs", "select"), [(3, None), (18, None), (61, None), (61, DATA.test)])
def test_the_checkpoint_is_that_of_the_best_average_of_validation_checks(
    epochs: int, select: Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY, epochs=epochs)
    scores = iter([0.9, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 0.2, 0.8, 0.8, 0.1, 0.95, 0.1, 0.2, 0.95, 0.4, 0.5])
    checks: list[tuple[float, str]] = []
    student, extra = build_student(9, 3, config), nn.Linear(8, 2)

    def script(logits: Tensor, y: Tensor, metric: str) -> float:
        assert not student.training
        checks.append((next(scores), digest(student, extra)))
        return checks[-1][0]

    monkeypatch.setattr(distill, "score", script)
    both = [soft_loss(DATA.x.softmax(dim=1)[:, :3]), lambda nodes, logits, h: extra(h).square().mean()]
    best = fit_student(student, DATA, both, config, extra=extra, select=select)
    at = [*range(config.eval_every, epochs + 1, config.eval_every)]
    at += [epochs] * (epochs % config.eval_every != 0)
    assert len(checks) == len(at)
    # As is published, choices on other nodes are by single checks.
    average, means = config.averaged_checks if select is None else 1, {}
    for place, epoch in enumerate(at):
        if place + 1 >= average or epoch == epochs:
            window = [value for value, _ in checks[max(0, place + 1 - average) : place + 1]]
            means[epoch] = (sum(window) / len(window), checks[place][1])
    valid, epoch = max((mean, epoch) for epoch, (mean, _) in means.items())
    assert best.valid == pytest.approx(valid)
    assert best.step == epoch
    assert digest(student, extra) == means[epoch][1]
    assert not student.training


def test_a_student_that_goes_wrong_late_is_not_kept() -> None:
    data = replace(DATA, x=DATA.x + 4 * torch.eye(3).repeat(1, 3)[DATA.y])
    config, steps = replace(TINY, epochs=120, lr=0.05), iter(range(120))
    right = soft_loss(torch.eye(3)[data.y])
    wrong = soft_loss(torch.eye(3)[(data.y + 1) % 3])
    with scoped(0, "test"):
        student = build_student(9, 3, config)
    best = fit_student(student, data, [lambda *given: (right if next(steps) < 60 else wrong)(*given)], config)
    assert best.valid > 0.9
    assert 20 <= best.step < 100
    assert float((student(data.x).argmax(dim=1) == data.y).float().mean()) > 0.9


def test_the_checkpoint_is_chosen_on_the_nodes_that_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    selected: list[Tensor] = []

    def spy(logits: Tensor, y: Tensor, metric: str) -> float:
        selected.append(y)
        return 0.5

    monkeypatch.setattr(distill, "score", spy)
    teacher, _ = trained()
    select = torch.tensor([5, 3, 1])
    distill_vqgraph(teacher, DATA, TINY, select=select)
    assert len(selected) == 2
    assert all(torch.equal(y, DATA.y[select]) for y in selected)
    distill_vqgraph(teacher, DATA, TINY)
    assert torch.equal(selected[-1], DATA.y[DATA.valid])


def test_a_tokenizer_has_the_size_and_the_losses_of_its_config() -> None:
    how = TokenizerConfig(dim=5, edge_weight=0.0, commitment=0.5, link="minmax", decay=0.3)
    config = replace(TINY, metric="euclidean", tokenizer=how)
    made, wide = build_tokenizer(8, 9, config), build_tokenizer(8, 9, config, 7)
    assert (made.codebook.codes.shape, wide.codebook.codes.shape) == ((6, 5), (6, 7))
    assert (made.edge_weight, made.commitment, made.link) == (0.0, 0.5, "minmax")
    assert (made.codebook.metric, made.codebook.decay) == ("euclidean", 0.3)
