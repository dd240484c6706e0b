import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics.pairwise import cosine_similarity

from graphdistill.kd.features import GlobalDifference, PixelCrossEntropy, RegionSimilarity


def test_pixels_are_compared_one_by_one():
    student, teacher = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    found = PixelCrossEntropy()(student, teacher)
    for i in range(3):
        pixels = [
            F.cross_entropy(student[i, :, r, c], teacher[i, :, r, c].argmax()) for r in range(5) for c in range(5)
        ]
        assert torch.allclose(found[i], sum(pixels) / 25)


def test_labels_take_the_teachers_place_and_unknown_ones_are_left_out():
    student = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([[0, -1, 2, -1], [-1, -1, -1, -1]])
    found = PixelCrossEntropy()(student, student, y)
    kept = student[0, :, [0, 2]].T
    assert torch.allclose(found[0], F.cross_entropy(kept, torch.tensor([0, 2])))
    assert found[1] == 0


def test_regions_are_those_of_scikit_learn():
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, 4, 4, generator=draws), torch.randn(2, 5, 8, 8, generator=draws)
    found = RegionSimilarity(grid=2)(student, teacher)
    for i in range(2):
        grams = [
            cosine_similarity(
                [maps[i, :, r : r + size, c : c + size].mean((1, 2)).numpy() for r in (0, size) for c in (0, size)]
            )
            for maps, size in ((student, 2), (teacher, 4))
        ]
        assert found[i].item() == pytest.approx(((grams[0] - grams[1]) ** 2).mean(), rel=1e-4)


def test_communities_of_a_graph():
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(6, 3, generator=draws), torch.randn(6, 4, generator=draws)
    region = torch.tensor([0, 2, 1, 1, 0, 2])
    found = RegionSimilarity()(student, teacher, region=region)
    grams = [cosine_similarity([x[region == r].mean(0).numpy() for r in range(3)]) for x in (student, teacher)]
    assert found.tolist() == pytest.approx([((grams[0] - grams[1]) ** 2).mean()] * 6, rel=1e-4)


def test_the_whole_image_and_the_whole_graph():
    student, teacher = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    found = GlobalDifference()(student, teacher)
    wanted = [sum(abs((student[i, c].mean() - teacher[i, c].mean()).item()) for c in range(4)) for i in range(3)]
    assert found.tolist() == pytest.approx(wanted, rel=1e-4)
    nodes = GlobalDifference()(student[0].flatten(1).T, teacher[0].flatten(1).T)
    assert nodes.tolist() == pytest.approx([wanted[0]] * 25, rel=1e-4)


def test_bad_input():
    with pytest.raises(ValueError, match="grid must be 1 or more, got 0"):
        RegionSimilarity(0)
