import pytest
import torch

from graphdistill.kd.methods import ferkd
from graphdistill.kd.objective import Batch
from graphdistill.kd.targets.calibration import CalibratedTarget
from graphdistill.kd.training import fit_objective
from tests.kd.samples import images_context


def batch_of(context, found, index, draws):
    inputs = found.augment(context.data.inputs(index), index, draws)
    y = context.data.known(index)
    outputs = context.data.run(context.student, index, inputs=inputs)
    return Batch(index, inputs, y, outputs, outputs.detach(), 0.0, draws)


@pytest.mark.parametrize("mix", [0.0, 1.0])
def test_the_loss_is_the_sum_over_regions(mix):
    context, index = images_context(), torch.arange(9)
    config = ferkd.Config(mix=mix, low=0.3, middle=0.35, high=0.5, temperature=2.0)
    found = ferkd.objective(context, config)
    batch = batch_of(context, found, index, torch.Generator().manual_seed(0))
    regions = [(share, images) for share, images in batch.inputs["regions"] if share > 0]
    assert len(regions) == 1 + (mix > 0)
    assert sum(share for share, _ in regions) == pytest.approx(1)
    log_q = (batch.student.logits.detach() / 2).log_softmax(dim=1)
    total, kept = 0.0, 0.0
    for share, images in regions:
        target, keep = CalibratedTarget(0.3, 0.35, 0.5, 0.1, 2.0)(context.teacher(images).detach(), batch.y)
        assert 0 < int(keep.sum()) < 9
        for i in range(9):
            if keep[i]:
                total -= share * 4 * float((target[i] * log_q[i]).sum())
                kept += share
    assert float(found.loss(batch).detach().mean()) == pytest.approx(total / kept, rel=1e-5)


def test_the_student_sees_the_mixture_and_the_original_stays():
    context, index = images_context(), torch.arange(9)
    found = ferkd.objective(context, ferkd.Config(mix=1.0))
    before = context.data.data.images[index].clone()
    batch = batch_of(context, found, index, torch.Generator().manual_seed(1))
    (_, first), (_, second) = batch.inputs["regions"]
    shown = batch.inputs["images"]
    assert ((shown == first) | (shown == second)).all()
    assert torch.equal(batch.inputs["pixel_values"], shown)
    assert torch.equal(context.data.data.images[index], before)


def test_where_everything_is_left_out_there_is_no_gradient():
    context = images_context()
    found = ferkd.objective(context, ferkd.Config(low=1.0, middle=1.0, high=1.0))
    value = found.loss(batch_of(context, found, torch.arange(9), torch.Generator()))
    assert value.tolist() == [0] * 9


def test_a_student_is_trained():
    context = images_context(steps=30)
    before = context.data.score(context.student, "valid")
    fit_objective(context, ferkd.objective(context, ferkd.Config(low=0.0, middle=1.0)), eval_every=10)
    assert context.data.score(context.student, "valid") > before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"mix": 2}, "--mix must be from 0 to 1, got 2"),
        ({"least_area": -1}, "--least-area must be from 0 to 1, got -1"),
        ({"low": 0.9}, "--low, --middle and --high must be 0 to 1 in this order, got 0.9, 0.3 and 1.0"),
        ({"smoothing": 1}, "--smoothing must be 0 to below 1, got 1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        ferkd.Config(**words)
