import pytest
import torch
from torch import nn

from graphdistill.kd.inputs import Inputs
from graphdistill.kd.losses import KD
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import outputs_of
from graphdistill.kd.torchdistill import FromTorchdistill, io_dict

LAYERS = ("0", "2", "4:input", "4")
"""Two convolutions, what goes into the linear layer, and its output."""


def network(seed, width=6):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, width, 3), nn.Tanh(), nn.Conv2d(width, width, 3), nn.Flatten(), nn.Linear(width * 4 * 4, 5)
        ).double()


def batch_of(seed=0):
    x = torch.randn(6, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    student, teacher = (outputs_of(network(s), Inputs("images", {"images": x}), LAYERS) for s in (1, 2))
    y = torch.tensor([0, 1, 2, 3, 4, -1])
    return Batch(torch.arange(6), {"images": x}, y, student, teacher.detach(), 0.0, torch.Generator())


def pair(student, teacher=None, **more):
    return {"pair": {"student": student, "teacher": teacher or student, **more}}


OUT = ("4", "output", "4", "output")
MAP = {"io": "output", "path": "2"}
FIRST = {"io": "output", "path": "0"}
BOTH = {"student_first": FIRST, "student_second": MAP, "teacher_first": FIRST, "teacher_second": MAP}
MID_LEVEL = {
    "KDLoss": (*OUT, 3.0, 0.4),
    "LogitStdKDLoss": (*OUT, 3.0, 1e-7, 0.4),
    "DISTLoss": OUT,
    "SKDInstanceLoss": OUT,
    "SKDDirectionLoss": OUT,
    "FSPLoss": ({"pair": BOTH},),
    "ATLoss": (pair(MAP, weight=2.0),),
    "PKTLoss": ("4", "input", "4", "input"),
    "AltActTransferLoss": (pair(MAP), 1.0, "mean"),
    "RKDLoss": ("4", "4", 1.0, 2.0, "mean"),
    "CCKDLoss": ("4", "4", {"type": "gaussian", "gamma": 0.4, "max_p": 2}, "batchmean"),
    "SPKDLoss": ("2", "2", "batchmean"),
    "ChSimLoss": (pair(MAP),),
    "AffinityLoss": ("2", "2"),
    "RegularizationLoss": ("4", "output"),
    "SRDLoss": ("4", "input", "4", "input", *OUT),
    "DISTPlusLoss": (*OUT, "2", "output", "2", "output"),
}


@pytest.mark.parametrize("name", MID_LEVEL)
def test_value_and_gradient_are_those_of_a_direct_call(name):
    losses = pytest.importorskip("torchdistill.losses.mid_level")
    loss = getattr(losses, name)(*MID_LEVEL[name])
    batch = batch_of()
    rows = FromTorchdistill(loss)(batch)
    assert rows.shape == (6,)
    (got,) = torch.autograd.grad(rows.mean(), batch.student.features["0"])
    batch = batch_of()
    maps = []
    for outputs in (batch.student, batch.teacher):
        feats = outputs.features
        inside = {"input": feats["4:input"], "output": feats["4"]}
        maps.append({"0": {"output": feats["0"]}, "2": {"output": feats["2"]}, "4": inside})
    want = loss(*maps, torch.tensor([0, 1, 2, 3, 4, -100]))
    torch.testing.assert_close(rows, want.expand(6))
    (gradient,) = torch.autograd.grad(want, batch.student.features["0"])
    torch.testing.assert_close(got, gradient)


def agree(rows, ours, batch):
    """Values and gradients agree to 1e-6."""
    torch.testing.assert_close(rows.mean(), ours, rtol=1e-6, atol=1e-6)
    for value in (rows.mean(), ours):
        assert value.requires_grad
    gradients = [torch.autograd.grad(v, batch.student.logits, retain_graph=True)[0] for v in (rows.mean(), ours)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-6)


def test_kd_agrees():
    losses = pytest.importorskip("torchdistill.losses.mid_level")
    batch = batch_of()
    s, t = batch.student.logits, batch.teacher.logits
    all_output = (".", "output", ".", "output")
    # Their KD without labels has no T^2.
    agree(FromTorchdistill(losses.KDLoss(*all_output, 3.0, 0.0))(batch), KD(3.0)(s, t).mean() / 9, batch)
    with_labels = 0.3 * nn.functional.cross_entropy(s[:5], batch.y[:5]) + 0.7 * KD(3.0)(s, t).mean()
    agree(FromTorchdistill(losses.KDLoss(*all_output, 3.0, 0.3))(batch), with_labels, batch)

    def standard(z):
        return (z - z.mean(-1, keepdim=True)) / (1e-7 + z.std(-1, keepdim=True))

    theirs = losses.LogitStdKDLoss(*all_output, 3.0, alpha=0.0)
    agree(FromTorchdistill(theirs)(batch), KD(3.0)(standard(s), standard(t)).mean() / 9, batch)
    agree(FromTorchdistill(losses.SKDInstanceLoss(*all_output))(batch), KD(4.0)(s, t).mean() / 16, batch)


def test_a_weighted_sum_of_losses():
    high_level = pytest.importorskip("torchdistill.losses.high_level")
    losses = pytest.importorskip("torchdistill.losses.mid_level")
    batch = batch_of()
    kd, at = losses.KDLoss(*OUT, 2.0, 0.0), losses.ATLoss(pair(MAP))
    total = high_level.WeightedSumLoss(
        sub_terms={"kd": {"criterion": kd, "weight": 2.0}, "at": {"criterion": at, "weight": 3.0}}
    )
    want = 2 * FromTorchdistill(kd)(batch) + 3 * FromTorchdistill(at)(batch)
    torch.testing.assert_close(FromTorchdistill(total)(batch), want)


def test_without_the_package_any_callable_of_its_form_will_do():
    def hint(student, teacher, targets):
        assert targets.tolist() == [0, 1, 2, 3, 4, -100]
        return (student["4"]["input"] - teacher["4"]["input"]).square().mean()

    batch = batch_of()
    want = (batch.student.features["4:input"] - batch.teacher.features["4:input"]).square().mean()
    torch.testing.assert_close(FromTorchdistill(hint)(batch), want.expand(6))
    assert set(io_dict(batch.student)) == {".", "0", "2", "4"}
    assert io_dict(batch.student)["."]["output"] is batch.student.logits


def test_errors_say_what_to_record_and_to_reduce():
    batch = batch_of()
    with pytest.raises(ValueError, match=r"layer 'layer4' of the teacher, of which are recorded: \., 0, 2, 4; add it"):
        FromTorchdistill(lambda student, teacher, y: teacher["layer4"]["output"])(batch)
    with pytest.raises(ValueError, match=r"one value for the batch, got \[6, 5\]; reduce it by a mean"):
        FromTorchdistill(lambda student, teacher, y: student["."]["output"])(batch)
    with pytest.raises(ValueError, match="one value for the batch, got int; reduce"):
        FromTorchdistill(lambda student, teacher, y: 0)(batch)
