from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCN

from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.graphs import GraphView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.transformed import transformed
from graphdistill.kd.distill import fit_kd
from graphdistill.kd.methods import sla
from graphdistill.kd.objective import Batch
from graphdistill.kd.training import fit_objective
from tests.kd.samples import images, images_context, mlp, nodes, nodes_context
from tests.kd.test_distill import graphs


def batch_of(context, found, index):
    outputs = context.data.run(context.student, index, found.student_layers)
    y = context.data.known(index).clone()
    y[0] = -1
    return Batch(index, context.data.inputs(index), y, outputs, outputs.detach(), 0.0, torch.Generator())


def test_the_loss_is_that_of_the_equation():
    context, index = images_context(), torch.arange(7)
    found = sla.objective(context, sla.Config(weight=0.5, temperature=2.0))
    batch = batch_of(context, found, index)
    body, head = context.student[:3], found.module.layer
    joint, total = [], 0.0
    for j in range(4):
        turned = images().images[index].rot90(j, (2, 3))
        joint.append(head(body(turned)).detach())
        log_p = joint[j].log_softmax(1)
        total -= sum(float(log_p[i, batch.y[i] * 4 + j]) for i in range(1, 7)) / 6 / 4
    z = batch.student.logits.detach()
    total -= sum(float(z.log_softmax(1)[i, batch.y[i]]) for i in range(1, 7)) / 6
    mean = sum(joint[j].view(7, 3, 4)[:, :, j] for j in range(4)) / 4
    p, q = (mean / 2).softmax(1), (z / 2).softmax(1)
    total += 0.5 * 4 * float((p * (p / q).log()).sum()) / 7
    assert float(found.loss(batch).detach().mean()) == pytest.approx(total, rel=1e-5)
    assert torch.allclose(
        sla.aggregated_logits(context.student, found.module, transformed(context.data, 4), index), mean, atol=1e-5
    )


def test_no_gradient_goes_through_the_aggregated_answer():
    context = images_context()
    found = sla.objective(context, sla.Config(weight=1e6))
    batch = batch_of(context, found, torch.arange(6))
    weak = sla.objective(context, sla.Config(weight=0))
    gradients = []
    for each in (found, weak):
        each.module.load_state_dict(found.module.state_dict())
        each.loss(batch_of(context, each, batch.index)).mean().backward()
        gradients.append(each.module.layer.weight.grad)
    assert torch.equal(*gradients)


def test_plain_augmentation_learns_the_class_in_every_rotation():
    context, index = images_context(), torch.arange(6)
    found = sla.objective(context, sla.Config(joint=False, views=2))
    assert found.module is None
    batch = batch_of(context, found, index)
    log_p = [context.student(images().images[index].rot90(k, (2, 3))).log_softmax(1) for k in (0, 2)]
    wanted = -sum(float(log_p[j][i, batch.y[i]].detach()) for j in range(2) for i in range(1, 6)) / 10
    assert float(found.loss(batch).detach().mean()) == pytest.approx(wanted, rel=1e-5)


def test_students_of_all_kinds_answer_with_the_classes_of_the_data():
    context = images_context(steps=60)
    found = fit_objective(context, sla.objective(context, sla.Config()), eval_every=20)
    assert found.valid > 0.6
    assert context.student(images().images[:2]).shape == (2, 3)
    short, gcn = KDConfig(steps=20, eval_every=10), GCN(10, 8, 2, 10)
    assert fit_kd(gcn, None, NodeView(nodes()), "sla", short).valid > 0.4
    assert fit_kd(mlp(), None, NodeView(nodes()), "sla", replace(short, batch_size=30)).valid > 0.2
    view = GraphView(load(graphs()))
    torch.manual_seed(0)
    fit_kd(view.STUDENTS["GIN-16"](view), None, view, sla.Config(views=2, hidden=0.5), KDConfig(steps=2))


def test_the_convolution_of_the_second_head_sees_the_edges_of_each_transformation():
    context = replace(nodes_context(), student=GCN(10, 8, 2, 10))
    found = sla.objective(context, sla.Config(views=3))
    views = transformed(context.data, 3)
    logits = sla.aggregated_logits(context.student, found.module, views, torch.tensor([4, 2]))
    assert logits.shape == (2, 10)
    total = torch.zeros(60, 10)
    for j, view in enumerate(views):
        x, edges = view.data.x, view.data.edge_index
        hidden = context.student.convs[0](x, edges).relu()
        total += found.module.layer(hidden, edges).detach().view(60, 10, 3)[:, :, j] / 3
    assert torch.allclose(logits, total[[4, 2]], atol=1e-5)


def test_a_step_on_some_nodes_is_refused():
    context = replace(nodes_context(batch_size=20), student=GCN(10, 8, 2, 10))
    with pytest.raises(ValueError, match="sla needs all 60 nodes of a graph network in a step, got --batch-size 20"):
        sla.objective(context, sla.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"views": 1}, "--views must be 2 or more, got 1"),
        ({"weight": -1}, "--weight must be 0 or more, got -1"),
        ({"temperature": 0}, "--temperature must be above 0, got 0"),
        ({"hidden": 1}, "--hidden must be between 0 and 1, got 1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        sla.Config(**words)
