from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCN

from graphdistill.kd.methods import dmae
from tests.kd.samples import images_context, nodes_context
from tests.kd.test_masked_autoencoder import vit


def test_the_teacher_is_executed_up_to_the_matched_block_and_stays():
    teacher = vit(depth=4, seed=1).eval()
    teacher.blocks[3].register_forward_hook(lambda *_: pytest.fail("the last block ran"))
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    context = replace(images_context(), student=vit(), teacher=teacher, steps=4)
    found = dmae.distill(context, dmae.Config(pretraining_steps=3))
    assert 0 <= found.valid <= 1
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_nodes_are_masked_and_the_teacher_stops_at_its_stage(weight):
    student, teacher = GCN(10, 8, 2, 10), GCN(10, 12, 3, 10).eval()
    teacher.convs[2].register_forward_hook(lambda *_: pytest.fail("the last layer ran"))
    context = replace(nodes_context(), student=student, teacher=teacher, steps=30)
    found = dmae.distill(context, dmae.Config(weight=weight, pretraining_steps=5))
    assert found.valid > 0.4


def test_nodes_need_graph_networks():
    with pytest.raises(ValueError, match=r"dmae on nodes needs graph networks, .* but the student is a Sequential"):
        dmae.distill(nodes_context(), dmae.Config())


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_student_learns_from_few_labels_and_a_seed_is_a_student(weight):
    states = []
    for _ in range(2):
        context = replace(images_context(), student=vit(), teacher=vit(seed=1), steps=40)
        context.data.labelled = torch.arange(15)
        found = dmae.distill(context, dmae.Config(weight=weight, pretraining_steps=10))
        states.append(context.student.head.weight.detach())
        assert found.valid > 0.5
    assert torch.equal(*states)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"weight": -1}, "--weight must be 0 or more, got -1"),
        ({"masked": 1}, "--masked must be between 0 and 1, got 1"),
        ({"depth": 0}, "--depth must be above 0 and at most 1, got 0"),
        ({"pretraining_steps": 0}, "--pretraining-steps must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        dmae.Config(**words)
