from dataclasses import replace

import pytest
import torch

from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.graphs import GraphView
from graphdistill.kd.distill import fit_kd, fit_labels
from tests.kd.test_distill import graphs


@pytest.fixture(scope="module")
def view():
    return GraphView(load(graphs()))


def test_graphs_are_pyg_batches_and_forests(view):
    inputs = view.inputs(torch.tensor([0, 3]))
    assert inputs["batch"].tolist() == [0, 0, 0, 1, 1, 1]
    assert inputs["edge_index"].shape == (2, 4 + 6)
    assert len(inputs["forest"]) == 2
    assert "edge_attr" not in inputs
    assert inputs.main is inputs["data"]


def test_the_built_in_networks_fit_the_graphs(view):
    for build in (*view.TEACHERS.values(), *view.STUDENTS.values()):
        assert view.predict(build(view), torch.arange(4)).logits.shape == (4, 2)
    assert view.metric == view.data.metric


def test_many_tasks_and_targets_are_refused(view):
    many = replace(view.data, y=torch.zeros(40, 2), metric="rocauc")
    with pytest.raises(ValueError, match="has many tasks, but classes of one task are distilled"):
        GraphView(many)
    with pytest.raises(ValueError, match=r"has targets of regression, but classes of one task"):
        GraphView(replace(view.data, y=torch.zeros(40, 1), metric="rmse"))


@pytest.mark.parametrize("name", ["tree-counts", "tree-counts-mlp"])
def test_students_on_tree_counts_are_distilled(view, name):
    student = view.STUDENTS[name](view)
    before = student.weight.clone()
    torch.manual_seed(0)
    teacher = fit_labels(view.TEACHERS["GIN"](view), view, KDConfig(steps=10))
    fit_kd(student, teacher, view, "kd", KDConfig(steps=2))
    assert not torch.equal(before, student.weight)


def test_graphs_that_come_one_by_one_give_the_same_logits(view):
    net, index = next(iter(view.TEACHERS.values()))(view).eval(), torch.tensor([3, 0, 7])
    first, second = (view.run(net, index, inputs=make(index)).logits for make in (view.inputs, view.new_inputs))
    assert torch.allclose(first, second, atol=1e-6)


def test_classes_count_alike_where_the_metric_is_rocauc(view):
    few = GraphView(view.data, labelled=torch.cat([view.train[view.data.y[view.train] == 0], view.train[-1:]]))
    y = view.data.y[few.labelled]
    assert few.metric == "rocauc"
    assert torch.allclose((few.class_weight[y] * (y == 0)).sum(), (few.class_weight[y] * (y == 1)).sum())
    assert few.class_weight[y].mean() == pytest.approx(1)
    assert GraphView(replace(view.data, metric="accuracy")).class_weight is None
