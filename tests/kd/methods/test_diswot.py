import statistics
from dataclasses import replace

import pytest
import torch
from torch_geometric import nn as pyg

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd import KDConfig, distill_kd
from graphdistill.kd.architectures import space
from graphdistill.kd.architectures.cost import parameters
from graphdistill.kd.architectures.similarity import last_gradient, relation_similarity, semantic_similarity
from graphdistill.kd.data.text import text_view
from graphdistill.kd.methods import default_student, diswot
from graphdistill.kd.objective import Context
from graphdistill.kd.teachers.ensemble import MeanTeachers
from graphdistill.kd.teachers.stored import StoredTeacher
from tests.kd.samples import images, images_context, nodes_context, texts

SMALL = diswot.Config(entries=12, repeats=1, population=4, children=6, sample=2)


def on_images(**words):
    networks = {"student": ConvNet((1, 8, 8), 3, 8), "teacher": ConvNet((1, 8, 8), 3, 16).eval()}
    return replace(images_context(**words), **networks)


def on_text():
    view, words = text_view(texts()), {"steps": 20, "batch_size": 20, "lr": 0.01, "weight_decay": 0.0}
    student, teacher = (Transformer(5, 6, 3, width=width, depth=1) for width in (8, 16))
    return Context(student=student, teacher=teacher.eval(), data=view, **words)


def on_nodes():
    return replace(nodes_context(), student=pyg.MLP([10, 16, 10], norm=None), teacher=pyg.GCN(10, 16, 2, 10).eval())


@pytest.mark.parametrize("context", [on_images, on_text, on_nodes])
def test_a_student_within_the_budget_is_found_trained_and_returned(context, monkeypatch):
    monkeypatch.setattr(space, "WIDTHS", (4, 8, 12, 16, 24))
    monkeypatch.setattr(space, "DEPTHS", (1, 2))
    torch.manual_seed(0)
    context = context()
    before = [weight.clone() for weight in [*context.student.parameters(), *context.teacher.parameters()]]
    found = [diswot.distill(context, SMALL) for _ in range(2)]
    network = found[0].network
    assert type(network) is type(context.student)
    assert parameters(network) <= parameters(context.student)
    again = space.space_of(context.student, context.data).build(tuple(found[0].architecture.values()))
    assert parameters(network) == parameters(again)
    assert found[0].valid == context.data.score(network, "valid")
    assert not network.training
    after = [*context.student.parameters(), *context.teacher.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    again = found[1].network.parameters()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again, strict=True))


def test_the_best_score_within_the_budget_is_found():
    context = on_images()
    budget = 400
    config = replace(SMALL, children=100, budget=budget, relation_weight=2.0)
    students = space.space_of(context.student, context.data)
    scores = diswot.Scores(context.teacher, context.data, students, config, context.seed)
    fitting = [choice for choice in students.choices() if parameters(students.build(choice)) <= budget]
    best = max(fitting, key=lambda choice: scores(choice).total)
    assert diswot.distill(context, config).architecture == students.sizes(best)


@pytest.mark.parametrize("trained", [False, True])
def test_a_score_is_the_weighted_mean_of_both_terms_over_batches(trained):
    context = on_images(seed=3)
    view, teacher = context.data, context.teacher
    config = replace(SMALL, repeats=2, semantic_weight=0.5, relation_weight=2.0, trained_teacher=trained)
    students = space.space_of(context.student, view)
    scores = diswot.Scores(teacher, view, students, config, seed=3)
    semantic, relation = [], []
    for repeat, index in enumerate(scores.batches):
        assert len(index.unique()) == 12
        known = teacher if trained else diswot.with_new_weights(teacher, 3, repeat)
        pairs = zip(
            *(last_gradient(net, view, index) for net in (students.build((8, 1), 3 + repeat), known)), strict=True
        )
        gradients, features = pairs
        semantic.append(semantic_similarity(*gradients))
        relation.append(relation_similarity(*features))
    found = scores((8, 1))
    assert found.semantic == statistics.fmean(semantic)
    assert found.relation == statistics.fmean(relation)
    assert found.total == pytest.approx(0.5 * found.semantic + 2 * found.relation)


def test_new_weights_are_drawn_for_every_layer():
    network = ConvNet((1, 8, 8), 3, 4)
    fresh = diswot.with_new_weights(network, 0)
    norms = {f"blocks.{i}.1.{name}" for i in range(len(network.blocks)) for name in ("weight", "bias")}
    for (name, old), new in zip(network.named_parameters(), fresh.parameters(), strict=True):
        assert torch.equal(old, new) == (name in norms)


def test_distill_kd_returns_the_student_that_was_found():
    student, teacher = ConvNet((1, 8, 8), 3, 8), ConvNet((1, 8, 8), 3, 16)
    config = replace(SMALL, budget=300)
    with pytest.warns(UserWarning, match="the teacher's validation accuracy"):
        found = distill_kd(student, teacher, images(), config, KDConfig(steps=2))
    assert found is not student
    assert parameters(found) <= 300


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ValueError, match="no space of students like a Sequential to search"):
        diswot.distill(images_context(), SMALL)
    with pytest.raises(ValueError, match="--budget 50 is below the cost of every ConvNet in the space; the smallest"):
        diswot.distill(on_images(), replace(SMALL, budget=50))
    stored = StoredTeacher.__new__(StoredTeacher)
    with pytest.raises(ValueError, match="this method needs the teacher itself, not its stored logits"):
        diswot.distill(replace(on_images(), teacher=stored), SMALL)
    several = MeanTeachers([ConvNet((1, 8, 8), 3, 8), ConvNet((1, 8, 8), 3, 8)])
    with pytest.raises(ValueError, match="which several teachers do not have in common; give one"):
        diswot.distill(replace(on_images(), teacher=several), SMALL)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"budget": 0}, "--budget must be 1 or more, got 0"),
        ({"semantic_weight": -1}, "--semantic-weight must be 0 or more, got -1"),
        ({"children": 0}, "--children must be 1 or more, got 0"),
        ({"temperature": 0}, "--temperature must be above 0, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        diswot.Config(**words)


def test_the_default_student_of_texts_has_a_space():
    assert default_student("diswot", "text") in text_view(texts()).STUDENTS
