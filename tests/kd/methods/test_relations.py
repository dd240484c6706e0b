import pytest
import torch

from graphdistill.kd.config import KDConfig
from graphdistill.kd.distill import distill_kd
from graphdistill.kd.methods import kd, relations
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import mlp, nodes, nodes_context
from tests.reference import relation_loss_naive


def test_the_loss_is_that_on_logits_and_on_all_pairs():
    y, features = torch.full((4,), -1), (torch.randn(4, 5), torch.randn(4, 7))
    student, teacher = (Outputs(torch.randn(4, 10), {"penultimate": each}) for each in features)
    batch = Batch(torch.arange(4), None, y, student, teacher, 0.0, torch.Generator())
    found = relations.objective(nodes_context(), relations.Config(relation_weight=0.5)).loss(batch)
    own = kd.objective(nodes_context(), kd.Config(temperature=1.0)).loss(batch)
    torch.testing.assert_close(found.mean(), own.mean() + 0.5 * relation_loss_naive(*features))


def test_a_student_is_trained_on_layers_of_a_name():
    config = relations.Config(student_layer="2", teacher_layer="1")
    student = mlp()
    before = [p.clone() for p in student.parameters()]
    distill_kd(student, mlp(1), nodes(), config, KDConfig(steps=3, batch_size=20))
    assert any(not torch.equal(a, b) for a, b in zip(before, student.parameters(), strict=True))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"relation_weight": -1}, "--relation-weight must be 0 or more, got -1"),
        ({"size": 0}, "--size must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        relations.Config(**words)
