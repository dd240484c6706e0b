import pytest
import torch
from torch import nn

from graphdistill.kd.objective import Objective
from graphdistill.kd.training import fit_objective
from tests.kd.samples import images_context, nodes_context


def difference(batch):
    return (batch.student.logits - batch.teacher.logits).square().mean(dim=1)


def test_the_student_learns_what_the_loss_says_and_the_same_seed_gives_the_same_bytes():
    weights = []
    for _ in range(2):
        context = images_context(steps=60)
        before = context.data.predict(context.student, context.data.train).logits
        fit_objective(context, Objective(loss=difference), eval_every=60)
        logits, teacher = (
            context.data.predict(net, context.data.train).logits for net in (context.student, context.teacher)
        )
        assert (logits - teacher).square().mean() < 0.2 * (before - teacher).square().mean()
        weights.append(context.student.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_batches_have_their_entries_labels_features_and_progress():
    context, seen = images_context(steps=7), []

    def loss(batch):
        assert torch.equal(batch.inputs["images"], context.data.data.images[batch.index])
        assert torch.equal(batch.y, context.data.data.y[batch.index])
        assert batch.student.features["1"].requires_grad
        assert torch.equal(batch.teacher.features["1"], context.teacher[1](batch.inputs["images"].flatten(1)))
        seen.append(batch.fraction_done)
        return difference(batch)

    losses = []
    layers = {"student_layers": ["1"], "teacher_layers": ["1"]}
    fit_objective(context, Objective(loss=loss, after_step=losses.append, **layers), eval_every=7)
    assert seen == pytest.approx([step / 7 for step in range(7)])
    assert len(losses) == 7


def test_a_method_may_choose_the_entries_of_a_step():
    context, seen = images_context(steps=3), []

    def loss(batch):
        torch.testing.assert_close(batch.teacher.logits, context.teacher(batch.inputs["images"]).detach())
        seen.append(batch.index.tolist())
        return difference(batch)

    objective = Objective(loss=loss, sample=lambda size: torch.arange(size // 10 + len(seen)))
    fit_objective(context, objective, eval_every=3)
    train = context.data.train.tolist()
    assert seen == [train[:2], train[:3], train[:4]]


def test_a_method_may_choose_the_checkpoint_by_a_score_of_its_own():
    context, scores, states = images_context(steps=4), iter([0.1, 0.9, 0.2, 0.3]), []

    def check():
        assert not context.student.training
        states.append({name: value.clone() for name, value in context.student.state_dict().items()})
        return next(scores)

    found = fit_objective(context, Objective(loss=difference, check=check), eval_every=1)
    assert (found.valid, found.step) == (0.9, 2)
    assert all(torch.equal(value, states[1][name]) for name, value in context.student.state_dict().items())


def test_projections_and_an_online_teacher_are_trained_along():
    context, projection = nodes_context(), nn.Linear(10, 10)
    before = [p.clone() for net in (projection, context.teacher) for p in net.parameters()]
    both = Objective(
        loss=lambda batch: (projection(batch.student.logits) - batch.teacher.logits).square().mean(dim=1),
        module=projection,
        online=True,
    )
    fit_objective(context, both, eval_every=5)
    after = [p for net in (projection, context.teacher) for p in net.parameters()]
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_augmentation_is_seen_by_both_networks():
    def bright(inputs, index, draws):
        return inputs.replaced(inputs.main + torch.rand(1, generator=draws))

    def loss(batch):
        assert not torch.equal(batch.inputs.main, context.data.data.images[batch.index])
        assert torch.equal(batch.teacher.logits, context.teacher(batch.inputs.main))
        assert not batch.teacher.logits.requires_grad
        return difference(batch)

    context = images_context(steps=2)
    fit_objective(context, Objective(loss=loss, augment=bright), eval_every=2)


def test_a_loss_that_is_not_finite_ends_the_training():
    context = nodes_context(lr=0.5)
    broken = Objective(loss=lambda batch: difference(batch) / 0)
    with pytest.raises(ValueError, match=r"the loss is inf at step 1; lower the learning rate, which is 0\.5"):
        fit_objective(context, broken, eval_every=5)
