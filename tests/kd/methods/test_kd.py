import pytest
import torch
import torch.nn.functional as F

from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import nodes_context


def batch_of(student, teacher, y):
    return Batch(torch.arange(len(y)), None, y, Outputs(student), Outputs(teacher), 0.0, torch.Generator())


def test_the_loss_is_that_of_hinton():
    student, teacher, y = torch.randn(4, 10), torch.randn(4, 10), torch.tensor([1, -1, 2, -1])
    config = kd.Config(temperature=3.0, weight=0.5, label_weight=2.0)
    found = kd.objective(nodes_context(), config).loss(batch_of(student, teacher, y)).mean()
    soft = F.kl_div((student / 3).log_softmax(1), (teacher / 3).softmax(1), reduction="batchmean") * 9
    assert found.item() == pytest.approx(
        (0.5 * soft + 2 * F.cross_entropy(student[[0, 2]], y[[0, 2]])).item(), rel=1e-5
    )


def test_labels_have_no_weight_on_nodes_by_default():
    student, teacher = torch.randn(2, 10), torch.randn(2, 10)
    found = kd.objective(nodes_context(), kd.Config()).loss(batch_of(student, teacher, torch.tensor([0, 1])))
    other = kd.objective(nodes_context(), kd.Config()).loss(batch_of(student, teacher, torch.tensor([-1, -1])))
    assert torch.equal(found, other)
    assert isinstance(nodes_context(), Context)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"temperature": 0}, "--temperature must be above 0, got 0"),
        ({"weight": -1}, "--weight must be 0 or more, got -1"),
        ({"label_weight": float("nan")}, "--label-weight must be 0 or more, got nan"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        kd.Config(**words)
