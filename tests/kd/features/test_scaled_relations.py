import pytest
import torch

from graphdistill.kd.features.scaled_relations import ScaledRelations


def naive(student, teacher, heads, parts, mask):
    """The loss of each row, by loops over parts, heads and pairs of tokens."""
    found = []
    for row in range(len(student)):
        total = 0.0
        for part in range(parts):
            errors = []
            for head in range(heads):
                for i in range(student.shape[1]):
                    for j in range(student.shape[1]):
                        if not (mask[row, i] and mask[row, j]):
                            continue
                        values = []
                        for tokens in (student, teacher):
                            width = tokens.shape[2] // parts
                            d = width // heads
                            at = part * width + head * d
                            a, b = tokens[row, i, at : at + d], tokens[row, j, at : at + d]
                            values.append(float((a * b).sum()) / d**0.5)
                        errors.append((values[0] - values[1]) ** 2)
            total += sum(errors) / len(errors)
        found.append(total)
    return found


@pytest.mark.parametrize(("heads", "parts", "width"), [(1, 1, 5), (2, 3, 6), (4, 3, 7)])
def test_it_is_the_loss_of_naive_loops(heads, parts, width):
    draws = torch.Generator().manual_seed(0)
    student = torch.randn(2, 3, parts * width, generator=draws)
    teacher = torch.randn(2, 3, parts * 8, generator=draws)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    relations = ScaledRelations(heads, parts)
    found = relations(student, teacher, mask)
    assert found.tolist() == pytest.approx(naive(student, teacher, heads, parts, mask), rel=1e-4)
    everything = torch.ones_like(mask)
    assert relations(student, teacher).tolist() == pytest.approx(
        naive(student, teacher, heads, parts, everything), rel=1e-4
    )


def test_channels_that_are_left_over_are_cut():
    teacher, student = torch.randn(1, 4, 8), torch.randn(1, 4, 7)
    changed = student.clone()
    changed[..., 6] += 5
    relations = ScaledRelations(heads=2, parts=1)
    assert torch.equal(relations(student, teacher), relations(changed, teacher))


def test_a_rotation_of_hidden_features_has_the_same_relations():
    features = torch.randn(1, 6, 5, dtype=torch.double)
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.double))[0]
    assert float(ScaledRelations(parts=1)(features @ rotation, features)) < 1e-20
    assert float(ScaledRelations(parts=1)(2 * features, features)) > 1


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="heads must be 1 or more, got 0"):
        ScaledRelations(0)
    with pytest.raises(ValueError, match="parts must be 1 or more, got 0"):
        ScaledRelations(1, 0)
    with pytest.raises(ValueError, match=r"as many tokens, got \(1, 2, 6\) and \(1, 3, 6\)"):
        ScaledRelations()(torch.rand(1, 2, 6), torch.rand(1, 3, 6))
    with pytest.raises(ValueError, match="student has 2 channels, which cannot be divided into 4 heads"):
        ScaledRelations(4)(torch.rand(1, 2, 6), torch.rand(1, 2, 24))
