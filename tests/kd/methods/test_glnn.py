import torch
import torch.nn.functional as F

from graphdistill.kd.methods import glnn
from tests.kd.methods.test_kd import batch_of
from tests.kd.samples import nodes_context


def test_the_loss_is_the_cross_entropy_to_soft_labels_up_to_their_entropy():
    student, teacher, y = torch.randn(4, 10), torch.randn(4, 10), torch.tensor([1, -1, 2, -1])
    found = glnn.objective(nodes_context(), glnn.Config()).loss(batch_of(student, teacher, y))
    soft = teacher.softmax(1)
    want = F.cross_entropy(student, soft, reduction="none") + (soft * soft.log()).sum(1)
    torch.testing.assert_close(found, want)
