import pytest
import torch
from torch import nn

from graphdistill.kd.inputs import BatchModule, Inputs, call, names_of


class OnGraph(nn.Module):
    def forward(self, x, edge_index, edge_weight=None):
        return x * edge_index.shape[1]


class WithLogits(nn.Module):
    def forward(self, input_ids, attention_mask=None, labels=None):
        return type("Output", (), {"logits": input_ids.float() + attention_mask})()


class Own(nn.Module):
    def forward(self, pictures):
        return pictures


@pytest.fixture
def inputs():
    x = torch.ones(2, 3)
    return Inputs("x", {"x": x, "input_ids": x, "attention_mask": 2 * x}, {"edge_index": lambda: torch.zeros(2, 5)})


def test_a_module_gets_what_its_forward_names(inputs):
    assert call(OnGraph(), inputs).tolist() == [[5.0] * 3] * 2
    assert call(WithLogits(), inputs).tolist() == [[3.0] * 3] * 2
    assert call(Own(), inputs) is inputs["x"]
    assert names_of(WithLogits()) == {"input_ids": True, "attention_mask": False, "labels": False}


def test_inputs_are_made_once_and_aliases_change_together(inputs):
    assert inputs["edge_index"] is inputs["edge_index"]
    other = inputs.replaced(torch.zeros(1))
    assert other.main is other["input_ids"]
    assert other["attention_mask"] is inputs["attention_mask"]
    assert len(other) == len(inputs) == 4


def test_what_a_batch_lacks_is_named(inputs):
    class Wants(nn.Module):
        def forward(self, x, positions):
            return x

    class Nothing(nn.Module):
        def forward(self, x):
            return {"scores": x}

    with pytest.raises(
        ValueError, match=r"Wants\.forward needs positions, but a batch has x, input_ids, attention_mask"
    ):
        call(Wants(), inputs)
    with pytest.raises(ValueError, match="Nothing returns dict; return a tensor of logits, or an object"):
        call(Nothing(), inputs)


class Sum(BatchModule):
    def forward(self, inputs):
        return sum(call(member, inputs) for member in self.members)


def test_a_module_of_others_passes_the_batch_on_to_each(inputs):
    both = Sum([OnGraph(), WithLogits(), Own()])
    assert call(both, inputs).tolist() == [[9.0] * 3] * 2
    assert set(names_of(both)) == {
        "x",
        "edge_index",
        "edge_weight",
        "input_ids",
        "attention_mask",
        "labels",
        "pictures",
    }
