from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from graphdistill.kd.search import (
    AutoDistiller,
    Pipeline,
    ProjectedLoss,
    Trial,
    augmentation,
    describe,
    fit_pipeline,
    grid,
    pipeline_objective,
)
from tests.kd.samples import images, images_context, nodes
from tests.kd.test_distill import graphs


def test_the_grid_has_each_pipeline_once():
    found = grid(("last", "skip", "last-k"))
    assert len(found) == len(set(map(str, found))) == 2 * 2 * (1 + 3 * 3)
    assert str(Pipeline(augment=True, layers="skip", intermediate="mi-alpha")) == "kd + mi-alpha on skip, augmented"


@pytest.mark.parametrize("output", ["kd", "mse"])
@pytest.mark.parametrize("intermediate", ["none", "mse", "cosine", "mi-alpha"])
def test_the_loss_is_the_sum_of_its_parts(output, intermediate):
    context = images_context()
    found = pipeline_objective(context, Pipeline(output=output, intermediate=intermediate))
    student, teacher = (Outputs(torch.randn(5, 3), {"penultimate": torch.randn(5, 16)}) for _ in range(2))
    batch = Batch(torch.arange(5), None, torch.arange(5) % 3, student, teacher, 0.0, torch.Generator())
    gap = student.logits - teacher.logits
    wanted = KD(2.0)(student.logits, teacher.logits).mean() if output == "kd" else gap.square().mean()
    wanted = wanted + F.cross_entropy(student.logits, batch.y)
    for part in found.module:
        wanted = wanted + part(student.features["penultimate"], teacher.features["penultimate"]).mean()
    assert len(found.module) == (intermediate != "none")
    assert torch.allclose(found.loss(batch).mean(), wanted)


def test_projected_distances_are_those_of_a_loop():
    ours, theirs = torch.randn(3, 4), torch.randn(3, 5)
    for cosine in (False, True):
        loss = ProjectedLoss(4, 5, cosine=cosine)
        for i, value in enumerate(loss(ours, theirs)):
            a, b = loss.project(ours[i]), theirs[i]
            wanted = 1 - a @ b / a.norm() / b.norm() if cosine else ((a - b) ** 2).mean()
            assert torch.allclose(value, wanted, atol=1e-6)


def test_augmented_inputs_are_drawn_by_the_generator():
    for view in (ImageView(images()), view_of(nodes())):
        inputs = view.inputs(view.train)
        first, second, third = (
            augmentation(view)(inputs, view.train, torch.Generator().manual_seed(seed)).main for seed in (0, 0, 1)
        )
        assert torch.equal(first, second)
        assert not torch.equal(first, third)
        assert not torch.equal(first, inputs.main)
    with pytest.raises(ValueError, match=r"pipelines augment images and nodes, but .* holds graphs; leave augment out"):
        augmentation(view_of(graphs()))


def test_a_pipeline_trains_a_student():
    view = ImageView(images())
    teacher = fit_labels(ConvNet((1, 8, 8), 3, width=8), view, KDConfig(steps=30))
    student = ConvNet((1, 8, 8), 3, width=4)
    pipeline = Pipeline(augment=True, layers="skip", intermediate="mi-alpha", output="mse")
    found = fit_pipeline(student, teacher, view, pipeline, KDConfig(steps=30, eval_every=15), seed=0)
    assert found.valid > 0.6
    assert describe(view, student, teacher)["teacher"] > 0.8


def test_the_recommendation_is_learnt_from_other_data():
    pipelines = grid()
    trials = [
        Trial({"entries": n, "teacher": 0.9}, p, 0.8 + 0.1 * (p.intermediate == "mi-alpha") + 0.05 * p.augment)
        for n in (3.0, 5.0, 7.0)
        for p in pipelines
    ]
    found = AutoDistiller(trials)
    pick = found.recommend({"entries": 4.0, "teacher": 0.8}, pipelines)
    assert (pick.intermediate, pick.augment) == ("mi-alpha", True)
    assert found.predict({"entries": 4.0, "teacher": 0.8}, pipelines) == AutoDistiller(trials).predict(
        {"teacher": 0.8, "entries": 4.0}, pipelines
    )


def test_bad_input():
    with pytest.raises(ValueError, match="trials is empty; try pipelines on other data first"):
        AutoDistiller([])
    trials = [Trial({"a": 1.0}, Pipeline(), 1.0), Trial({"b": 1.0}, Pipeline(), 1.0)]
    with pytest.raises(ValueError, match=r"trials must have the same properties of data, got \['a'\] and \['b'\]"):
        AutoDistiller(trials)


def test_stages_of_graph_networks_are_refused():
    view = view_of(graphs())
    network = next(iter(view.TEACHERS.values()))(view)
    context = replace(images_context(), data=view, student=network, teacher=network)
    with pytest.raises(ValueError, match="rows for 2 entries, so it cannot be matched"):
        pipeline_objective(context, Pipeline(layers="skip", intermediate="mse"))
