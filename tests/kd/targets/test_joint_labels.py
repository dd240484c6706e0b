import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.targets.joint_labels import aggregate, joint_labels


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_a_joint_label_names_class_and_transformation_once(num_classes, count, n):
    y = torch.arange(n) % num_classes
    seen = torch.stack([joint_labels(torch.arange(num_classes), j, count) for j in range(count)])
    assert sorted(seen.flatten().tolist()) == list(range(num_classes * count))
    assert joint_labels(torch.full((n,), -1), count - 1, count).tolist() == [-1] * n
    logits = torch.randn(count, n, num_classes * count)
    found = aggregate(logits)
    for i in range(n):
        for c in range(num_classes):
            wanted = sum(float(logits[j, i, int(joint_labels(torch.tensor([c]), j, count))]) for j in range(count))
            assert abs(float(found[i, c]) - wanted / count) < 1e-5
    # Where every transformation is sure of its own joint label, so is the aggregate of the class.
    sure = torch.stack(
        [torch.nn.functional.one_hot(joint_labels(y, j, count), num_classes * count) for j in range(count)]
    )
    assert torch.equal(aggregate(sure.float()).argmax(1), y)
