import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import GCN

from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.pixels import scenes
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.features import GlobalDifference, RegionSimilarity
from graphdistill.kd.methods import mgd
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import images_context, mlp, nodes


class PixelNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, width, 3, padding=1), nn.Linear(width, 11)

    def forward(self, images):
        return self.head(self.conv(images).relu().movedim(1, -1))


def pixels():
    return ImageView(scenes(load("digits"), count=40, side=16), labelled=torch.arange(4))


def test_rectangles_cover_half_of_the_image():
    found = mgd.rectangles(50, 20, 16, torch.Generator().manual_seed(0))
    assert set(found.sum((1, 2)).tolist()) == {14 * 11}
    assert len({tuple(mask.flatten().tolist()) for mask in found}) > 10
    rows = found.any(2).int()
    assert (rows.diff(dim=1).abs().sum(1) <= 2).all()


def test_communities_are_numbered_from_zero_and_found_in_a_graph_of_two_cliques():
    clique = torch.combinations(torch.arange(5)).T
    edges = torch.cat([clique, clique + 5, torch.tensor([[0], [5]])], 1)
    assert mgd.communities(edges, 11).tolist() == [0] * 5 + [1] * 5 + [2]


def test_the_loss_on_nodes_is_the_sum_of_its_levels():
    view = NodeView(nodes())
    teacher = mgd.Branches(GCN(10, 8, 2, 10), GCN(10, 12, 2, 10))
    context = replace(images_context(), data=view, student=mlp(), teacher=teacher)
    config = mgd.Config(weight=2.0, label_weight=3.0, region_weight=5.0, image_weight=7.0, warm_up=0)
    found = mgd.objective(context, config)
    layer = found.teacher_layers[0]
    student = Outputs(torch.randn(60, 10), {"penultimate": torch.randn(60, 16)})
    deep, wide, hidden = torch.randn(60, 10), torch.randn(60, 10), torch.randn(60, 8)
    known = Outputs((deep + wide) / 2, {layer: hidden, "deep": deep, "wide": wide})
    y = view.known(view.train)
    value = found.loss(Batch(view.train, None, y, student, known, 0.5, torch.Generator())).mean()
    z, region = student.logits, mgd.communities(view.data.edge_index, 60)
    pairs = ((z, deep), (z, wide), (deep, z), (wide, z))
    wanted = 2 * sum(F.cross_entropy(a, b.argmax(1)) for a, b in pairs)
    wanted += 5 * RegionSimilarity()(student.features["penultimate"], hidden, region=region).mean()
    wanted += 7 * GlobalDifference()(z, wide).mean()
    wanted += 3 * sum(F.cross_entropy(a[y >= 0], y[y >= 0]) for a in (z, deep, wide))
    assert torch.allclose(value, wanted, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:the teacher's validation accuracy")
def test_pixels_are_trained_and_so_are_both_teachers():
    view = pixels()
    teacher = mgd.Branches(PixelNet(4), PixelNet(8))
    fit_labels(teacher, view, KDConfig(steps=3))
    before, student = copy.deepcopy(teacher.state_dict()), PixelNet(3)
    fit_kd(student, teacher, view, mgd.Config(labelled=2, grid=4), KDConfig(steps=3, eval_every=3, batch_size=4))
    after = teacher.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_one_teacher_has_both_roles():
    view = NodeView(nodes())
    teacher, student = fit_labels(GCN(10, 8, 2, 10), view, KDConfig(steps=20)), mlp()
    fit_kd(student, teacher, view, mgd.Config(weight=0.25, region_weight=1.0), KDConfig(steps=40, eval_every=10))
    assert view.score(student, "valid") > 0.5


def test_images_need_pixel_labels():
    with pytest.raises(ValueError, match="mgd on images needs a class for each pixel, but rows has one for each image"):
        mgd.objective(images_context(), mgd.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"weight": -1}, "--weight must be 0 or more, got -1"),
        ({"region_weight": -1}, "--region-weight must be 0 or more, got -1"),
        ({"warm_up": 2}, "--warm-up must be from 0 to 1, got 2"),
        ({"grid": 0}, "--grid must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        mgd.Config(**words)
