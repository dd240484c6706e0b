import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GCN, GIN, global_add_pool

from graphdistill.kd import KDConfig, distill_kd, fit_labels
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_kd
from graphdistill.kd.methods import kd
from tests.kd.samples import images, mlp, nodes

SHORT = KDConfig(steps=60, eval_every=20, lr=0.03)


class TransformersLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(0, 64, 3)

    def forward(self, pixel_values):
        return type("ImageClassifierOutput", (), {"logits": self.net(pixel_values)})()


class GraphNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.head = GIN(3, width, 1), nn.Linear(width, 2)

    def forward(self, x, edge_index, batch):
        return self.head(global_add_pool(self.conv(x, edge_index), batch))


def graphs():
    """Triangles and paths of three nodes."""
    made = []
    for i in range(40):
        edges = [[0, 1], [1, 2]] + ([[2, 0]] if i % 2 else [])
        index = torch.tensor(edges).T
        made.append(Data(x=torch.eye(3), edge_index=torch.cat([index, index.flip(0)], 1), y=torch.tensor([i % 2])))
    return made


def test_modules_of_pyg_and_like_those_of_transformers_are_distilled():
    torch.manual_seed(0)
    teacher = fit_labels(GCN(10, 16, 2, 10), nodes(), SHORT)
    student = distill_kd(mlp(), teacher, nodes(), config=SHORT)
    view = view_of(nodes())
    assert view.score(student, "valid") > 0.5
    assert not student.training
    teacher = fit_labels(TransformersLike(), images(), SHORT)
    student = distill_kd(TransformersLike(), teacher, images(), method=kd.Config(temperature=4.0), config=SHORT)
    assert view_of(images()).score(student, "valid") > 0.8
    teacher = fit_labels(GraphNet(16), graphs(), SHORT)
    student = distill_kd(GraphNet(4), teacher, graphs(), "kd", SHORT)
    inputs = view_of(graphs()).inputs(torch.arange(3))
    assert student(inputs["x"], inputs["edge_index"], inputs["batch"]).shape == (3, 2)


def test_only_self_distillation_does_without_a_teacher():
    student = distill_kd(mlp(0, 64, 3), None, images(), "sla", SHORT)
    assert not student.training
    assert view_of(images()).score(student, "valid") > 0.8
    with pytest.raises(ValueError, match="--method kd needs a teacher, got None; give a trained network"):
        distill_kd(mlp(0, 64, 3), None, images())
    with pytest.raises(ValueError, match="the student has 2 logits, but rows has 3 classes; build it with 3"):
        distill_kd(mlp(0, 64, 2), None, images(), "sla", SHORT)


def test_the_generator_decides_and_the_teacher_stays():
    teacher = fit_labels(mlp(1), nodes(), SHORT)
    before = [p.clone() for p in teacher.parameters()]
    short = KDConfig(steps=5, batch_size=8)
    found = [
        distill_kd(mlp(), teacher, nodes(), config=short, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    weights = [net[1].weight for net in found]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert all(torch.equal(a, b) for a, b in zip(before, teacher.parameters(), strict=True))


def test_unlabelled_entries_lend_no_label():
    labelled = images().train[:6]
    view = view_of(images(), labelled=labelled)
    assert view.known(images().train).ge(0).sum() == 6
    with pytest.raises(ValueError, match="labelled has entry 80, which is not in the training split"):
        view_of(images(), labelled=torch.tensor([80]))


@pytest.mark.filterwarnings("ignore:the teacher's validation")
@pytest.mark.parametrize(
    ("student", "teacher", "message"),
    [
        (mlp(0, 64, 4), mlp(0, 64, 3), "same classes: the student has 4 logits, the teacher 3, and rows 3 classes"),
        (mlp(0, 64, 2), mlp(0, 64, 2), "the teacher has 2 logits, but rows has 3 classes; train a teacher on these"),
        (mlp(0, 64, 3), nn.Sequential(mlp(0, 64, 3), nn.Threshold(9e9, float("nan"))), "logits hold NaN or infinity"),
    ],
)
def test_networks_that_do_not_fit_are_refused(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        distill_kd(student, teacher, images(), config=SHORT)


def test_a_teacher_at_chance_is_noticed_and_an_unknown_method_refused():
    constant = nn.Sequential(mlp(0, 64, 3), nn.Threshold(9e9, 0.0))
    with pytest.warns(UserWarning, match=r"the teacher's validation accuracy is 0\.333, that of a guess is 0\.333"):
        distill_kd(mlp(0, 64, 3), constant, images(), config=KDConfig(steps=1))
    with pytest.raises(ValueError, match=r"--method 'kdd' is unknown\. Did you mean kd"):
        distill_kd(mlp(0, 64, 3), mlp(1, 64, 3), images(), "kdd")


def test_an_untrained_teacher_that_learns_along_is_nothing_to_notice():
    constant = nn.Sequential(mlp(0, 64, 3), nn.Threshold(9e9, 0.0))
    distill_kd(mlp(0, 64, 3), constant, images(), "bd-kd", KDConfig(steps=1))


def test_the_result_of_a_fit_has_its_validation_score():
    view = view_of(nodes())
    teacher = fit_labels(mlp(1), view, SHORT)
    student = mlp()
    found = fit_kd(student, teacher, view, config=SHORT, seed=1)
    assert found.valid == view.score(student, "valid")
    assert found.step % 10 == 0
