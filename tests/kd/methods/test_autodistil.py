from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch_geometric import nn as pyg

from graphdistill.core.networks.ngrams import NGrams
from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd.architectures import space
from graphdistill.kd.architectures.cost import multiply_adds
from graphdistill.kd.data.text import text_view
from graphdistill.kd.features.scaled_relations import ScaledRelations
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import autodistil, default_student
from graphdistill.kd.objective import Context
from graphdistill.kd.teachers.stored import StoredTeacher
from tests.kd.samples import nodes_context, texts, windows

WORDS = {"steps": 3, "batch_size": 20, "lr": 0.01, "weight_decay": 0.0}


def on_text(data=texts, causal=False):
    view = text_view(data())
    student = Transformer(5, 6, view.num_classes, width=8, depth=1, heads=2, causal=causal)
    teacher = Transformer(5, 6, view.num_classes, width=16, depth=2, causal=causal)
    return Context(student=student, teacher=teacher.eval(), data=view, **WORDS)


def on_windows():
    return on_text(windows, causal=True)


def on_nodes(**words):
    return replace(
        nodes_context(**words), student=pyg.MLP([10, 12, 10], norm=None), teacher=pyg.GCN(10, 16, 2, 10).eval()
    )


@pytest.mark.parametrize("context", [on_text, on_windows, on_nodes])
def test_a_student_within_the_budget_is_taken_from_a_supernet(context, monkeypatch):
    monkeypatch.setattr(space, "WIDTHS", (4, 8, 12, 16, 24))
    monkeypatch.setattr(space, "DEPTHS", (1,))
    torch.manual_seed(0)
    context = context()
    before = [weight.clone() for weight in [*context.student.parameters(), *context.teacher.parameters()]]
    found = [autodistil.distill(context, autodistil.Config()) for _ in range(2)]
    network, view = found[0].network, context.data
    assert type(network) is type(context.student)
    assert multiply_adds(network, view) <= multiply_adds(context.student, view)
    assert found[0].valid == view.score(network, "valid")
    assert not network.training
    after = [*context.student.parameters(), *context.teacher.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    again = found[1].network.parameters()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again, strict=True))


def test_the_loss_is_the_sum_of_relations_logits_and_labels():
    context = on_text()
    view, student, teacher = context.data, context.student, context.teacher
    config = autodistil.Config(relation_weight=0.5, weight=2.0, label_weight=3.0, temperature=3.0)
    index = view.train[:9]
    inputs = view.inputs(index)
    ours = view.run(student, index, ["blocks.0.attention.qkv"])
    theirs = view.run(teacher, index, ["blocks.1.attention.qkv"])
    relations = ScaledRelations(heads=4)(
        ours.features["blocks.0.attention.qkv"],
        theirs.features["blocks.1.attention.qkv"],
        inputs["attention_mask"].bool(),
    )
    wanted = 0.5 * relations.mean() + 2 * KD(3.0)(ours.logits, theirs.logits).mean()
    wanted = wanted + 3 * F.cross_entropy(ours.logits, view.labels(index))
    found = autodistil.comparison(context, config)(student, index, autodistil.teacher_answers(context, index), 0.0)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_relations_of_nodes_are_those_of_the_last_hidden_layer():
    context = on_nodes()
    view, student, teacher = context.data, context.student, context.teacher
    config = autodistil.Config(weight=0.0, label_weight=0.0, relation_weight=1.0, entries=1000)
    hidden = [view.predict(net, view.train, ["penultimate"]).features["penultimate"] for net in (student, teacher)]
    ours, theirs = (h @ h.T / h.shape[1] ** 0.5 for h in hidden)
    known = autodistil.teacher_answers(context, view.train)
    found = autodistil.comparison(context, config)(student, view.train, known, 0.0)
    assert found.item() == pytest.approx(float((ours - theirs).square().mean()), rel=1e-5)


def test_the_gradient_of_a_step_is_the_clipped_sum_over_the_students(monkeypatch):
    context = replace(on_nodes(), steps=1)
    students = autodistil.searched_space(context.student, context.teacher, context.data).split("width", 3)[0]
    norms = []
    real = torch.nn.utils.clip_grad_norm_

    def clipped(parameters, norm):
        parameters = list(parameters)
        before = real(parameters, norm)
        norms.append((float(before), float(torch.stack([p.grad.norm() for p in parameters]).norm())))
        return before

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clipped)
    autodistil.train_supernet(context, autodistil.Config(clip=0.01, random=0), students)
    supernet = autodistil.Supernet(students, context.seed)
    compare = autodistil.comparison(context, autodistil.Config())
    known = autodistil.teacher_answers(context, context.data.train)
    for choice in (supernet.largest, supernet.smallest):
        compare(supernet.subnet(choice), context.data.train, known, 0.0).backward()
    expected = float(torch.stack([p.grad.norm() for p in supernet.parameters()]).norm())
    assert norms == [(pytest.approx(expected, rel=1e-4), pytest.approx(0.01, rel=1e-3))]


def test_the_search_takes_the_least_loss_that_fits_and_skips_supernets_that_do_not(monkeypatch):
    context, trained = replace(on_nodes(), steps=2), []
    monkeypatch.setattr(
        autodistil, "distillation_loss", lambda context, config, network, valid: float(network.channel_list[1] != 8)
    )
    real = autodistil.train_supernet
    monkeypatch.setattr(autodistil, "train_supernet", lambda c, f, part: trained.append(part) or real(c, f, part))
    found = autodistil.distill(context, autodistil.Config())
    assert found.architecture == {"width": 8, "depth": 1}
    assert [part.axes["width"] for part in trained] == [(4, 6, 8, 12)]
    autodistil.distill(context, autodistil.Config(budget=400, spaces=4))
    assert [part.axes["width"] for part in trained[1:]] == [(4, 6, 8), (12, 16, 24)]


def test_what_cannot_be_searched_is_refused():
    context = on_text()
    with pytest.raises(ValueError, match="autodistil on text compares attention, but the student is a NGrams"):
        autodistil.distill(replace(context, student=NGrams(5, 3)), autodistil.Config())
    with pytest.raises(ValueError, match="but the teacher is a NGrams; give a Transformer"):
        autodistil.distill(replace(context, teacher=NGrams(5, 3)), autodistil.Config())
    with pytest.raises(ValueError, match=r"--budget 3 is below the cost of every MLP .* .width 4, depth 1. costs 80"):
        autodistil.distill(on_nodes(), autodistil.Config(budget=3))
    stored = StoredTeacher.__new__(StoredTeacher)
    with pytest.raises(ValueError, match="this method needs the teacher itself"):
        autodistil.distill(replace(context, teacher=stored), autodistil.Config())
    nan = on_nodes()
    nan.teacher.convs[1].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="the gradient has norm nan at step 1; lower the learning rate, which is"):
        autodistil.distill(nan, autodistil.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"budget": 0}, "--budget must be 1 or more, got 0"),
        ({"relation_weight": -1}, "--relation-weight must be 0 or more, got -1"),
        ({"clip": 0}, "--clip must be above 0, got 0"),
        ({"random": -1}, "--random must be 0 or more, got -1"),
        ({"spaces": 0}, "--spaces must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        autodistil.Config(**words)


def test_the_default_student_of_texts_has_a_space():
    assert default_student("autodistil", "text") in text_view(texts()).STUDENTS
