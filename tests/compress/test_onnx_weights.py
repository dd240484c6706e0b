import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.compress.levels import Quantizer, even_levels
from graphdistill.compress.onnx_weights import stored_weight
from graphdistill.compress.sparse import Masker, largest, largest_of_four
from graphdistill.core.networks.onnx import computed_weight

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
reference = pytest.importorskip("onnx.reference")

SHAPES = st.sampled_from([(1, 2), (3, 5), (4, 16), (7, 9), (2, 3, 3, 3), (5, 1, 2, 2)])


def computed(part):
    """The weight that onnxruntime and ONNX's own numpy runtime compute of a model of nothing else."""
    out = onnx.helper.make_tensor_value_info("weight", onnx.TensorProto.FLOAT, list(part.weight.shape))
    graph = onnx.helper.make_graph([], "weights", [], [out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    graph = model.graph
    graph.node.append(computed_weight(model, "weight", stored_weight(part)))
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (fast,) = session.run(["weight"], {})
    (plain,) = reference.ReferenceEvaluator(model).run(["weight"], {})
    np.testing.assert_array_equal(fast, plain)
    return torch.from_numpy(fast)


@settings(max_examples=25, deadline=None)
@given(
    shape=SHAPES, levels=st.sampled_from([2, 3, 4, 7, 16, 17, 256]), bucket=st.integers(2, 40), seed=st.integers(0, 9)
)
def test_levels_give_the_very_weights(shape, levels, bucket, seed):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    part = Quantizer(even_levels(levels), bucket).coded(weight)
    assert torch.equal(computed(part), part.weight)


@settings(max_examples=25, deadline=None)
@given(
    shape=SHAPES,
    zeros=st.sampled_from(["2:4", 0.5, 0.75]),
    block=st.sampled_from([0, 2, 3, 16]),
    seed=st.integers(0, 9),
)
def test_positions_give_the_very_weights(shape, zeros, block, seed):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    mask = largest_of_four(weight.abs()) if zeros == "2:4" else largest(weight.abs(), zeros)
    part = Masker(weight, mask, 4 if zeros == "2:4" else 1, block).coded(weight)
    assert torch.equal(computed(part), part.weight)


@pytest.mark.parametrize(("levels", "expected"), [(2, 13), (4, 25), (8, 50), (16, 50), (17, 100), (256, 100)])
def test_a_byte_holds_as_many_codes_as_fit(levels, expected):
    part = Quantizer(even_levels(levels), 32).coded(torch.randn(10, 10))
    assert stored_weight(part).tensors["packed"].numel() == expected


def test_functions_stand_once_in_a_model():
    part = Quantizer(even_levels(4), 32).coded(torch.randn(10, 10))
    model = onnx.ModelProto(opset_import=[onnx.helper.make_opsetid("", 18)])
    first, second = (computed_weight(model, name, stored_weight(part)) for name in ("a", "b"))
    assert [function.name for function in model.functions] == ["weight_of_levels"]
    assert (first.output, second.output) == (["a"], ["b"])
    assert [used.domain for used in model.opset_import] == ["", "graphdistill"]
