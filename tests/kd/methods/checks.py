"""What the tests of methods share."""

import copy
import warnings

import torch

from graphdistill.kd.config import KDConfig
from graphdistill.kd.distill import fit_kd
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import images_context, mlp, nodes_context


def batch_of(student, teacher, y, fraction_done=0.0, seed=0):
    """A batch of logits alone."""
    draws = torch.Generator().manual_seed(seed)
    return Batch(torch.arange(len(y)), None, y, Outputs(student), Outputs(teacher), fraction_done, draws)


def logits(n=4, num_classes=10, seed=0):
    """Logits of student and teacher, and labels of every other row."""
    student, teacher = torch.randn(2, n, num_classes, generator=torch.Generator().manual_seed(seed)) * 2
    y = torch.arange(n) % num_classes
    return student, teacher, torch.where(y % 2 == 0, y, -1)


def train(student, teacher, view, config, steps=2):
    """Distil from a teacher that need not be trained."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the teacher's validation")
        fit_kd(student, teacher, view, config, KDConfig(steps=steps, batch_size=20, eval_every=steps), seed=1)


def check_training(config, student=None):
    """A few steps change the student, on nodes and images, and the same seed gives the same bytes."""
    for context, (ins, outs) in ((nodes_context(), (10, 10)), (images_context(), (64, 3))):
        students = []
        for _ in range(2):
            trained = mlp(0, ins, outs) if student is None else student(ins, outs)
            before = copy.deepcopy(trained.state_dict())
            teacher = mlp(1, ins, outs)
            train(trained, teacher, context.data, config, steps=3)
            after = trained.state_dict()
            assert any(not torch.equal(before[key], after[key]) for key in before)
            assert all(value.isfinite().all() for value in after.values())
            students.append(after)
        assert all(torch.equal(students[0][key], students[1][key]) for key in students[0])
