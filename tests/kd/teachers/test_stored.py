import pytest
import torch

from graphdistill.kd import KDConfig, distill_kd, fit_labels, load_logits, save_logits
from graphdistill.kd.methods import bd_kd
from tests.kd.samples import images, mlp, nodes

SHORT = KDConfig(steps=20, eval_every=10)


@pytest.fixture(scope="module")
def teacher():
    return fit_labels(mlp(1, 64, 3), images(), KDConfig(steps=60, eval_every=20, lr=0.03))


def test_a_student_of_stored_logits_is_that_of_the_teacher(teacher, tmp_path):
    save_logits(teacher, images(), tmp_path, k=3)
    stored = load_logits(tmp_path, images())
    x = images().images[images().train]
    exact, found = teacher(x).softmax(1), stored.logits(torch.arange(60)).softmax(1)
    assert torch.allclose(found, exact, atol=0.03)
    first, second = (distill_kd(mlp(0, 64, 3), net, images(), config=SHORT) for net in (teacher, stored))
    assert torch.allclose(first(x), second(x), atol=0.3)
    assert torch.equal(first(x).argmax(1), second(x).argmax(1))


def test_the_store_of_other_data_and_methods_that_need_the_teacher_are_refused(teacher, tmp_path):
    save_logits(teacher, images(), tmp_path, k=100)
    with pytest.raises(ValueError, match="belongs to other data"):
        load_logits(tmp_path, nodes())
    stored = load_logits(tmp_path, images())
    with pytest.raises(ValueError, match="this method needs the teacher itself, not its stored logits"):
        distill_kd(mlp(0, 64, 3), stored, images(), bd_kd.Config(), SHORT)
    with pytest.raises(ValueError, match="same classes: the student has 4 logits, the teacher 3"):
        distill_kd(mlp(0, 64, 4), stored, images(), config=SHORT)
    with pytest.raises(ValueError, match="a stored teacher has logits of its training entries alone"):
        stored(images().images)
