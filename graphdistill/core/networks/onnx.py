"""Export of networks to ONNX, with float or int8 weights; needs the extra ``onnx``."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphdistill.core.command.output import publish
from graphdistill.core.command.paths import expanded

DOMAIN = "graphdistill"
"""Domain of the functions of a file that compute its weights."""


@dataclass(frozen=True)
class StoredWeight:
    """What a file holds in place of a float weight.

    Attributes:
        function: name of the function that computes the weight.
        steps: its steps in ONNX's text form, from the names of the tensors and of the sizes to ``weight``.
        tensors: inputs of the function by name.
        sizes: attributes of the function by name, lists of integers.
    """

    function: str
    steps: str
    tensors: Mapping[str, Tensor]
    sizes: Mapping[str, Sequence[int]]


def export_network(
    network: nn.Module,
    x: Tensor,
    path: str | Path,
    *,
    int8: bool = False,
    stored: Mapping[str, StoredWeight] = MappingProxyType({}),
) -> None:
    """Write a network as one ONNX file, from ``x`` to ``logits``, for any number of entries.

    Dropout is left out in any mode of the network, which stays unchanged. The file has no names of modules, lines of
    code or paths of this machine, which the exporter of torch writes otherwise.

    Args:
        network: a network of one input.
        x: two entries or more: with one, their number would become a constant.
        path: output file, such as ``student.onnx``; its folder is created if absent.
        int8: whether weights of linear and convolutional layers are stored in 8 bits, and their inputs are rounded to
            8 bits by their range in each batch. (default: all is float)
        stored: what the file holds in place of weights, by their names; not with ``int8``. (default: float weights)

    Raises:
        ImportError: the extra ``onnx`` is not installed.
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile, onnxruntime
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export_network(nn.Linear(4, 3), torch.zeros(2, 4), f"{folder}/linear.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/linear.onnx")
        >>> session.run(["logits"], {"x": torch.ones(1, 4).numpy()})[0].shape
        (1, 3)
    """
    assert not (int8 and stored), "weights in 8 bits are made of float ones"
    path, names = expanded(path), list(stored)
    still = _Weighted(copy.deepcopy(network).cpu(), names).eval()
    weights = [still.network.get_parameter(name).detach() for name in names]
    others: list[tuple[dict[int, Any], ...]] = [tuple({} for _ in names)] if names else []
    with publish(path.parent) as draft:
        try:
            with _quiet():
                torch.onnx.export(
                    still,
                    (x.cpu(), *weights),
                    draft / path.name,
                    input_names=["x", *names],
                    output_names=["logits"],
                    dynamic_shapes=({0: torch.export.Dim("N")}, *others),
                    dynamo=True,
                    external_data=False,
                    verbose=False,
                )
                _rewrite(draft / path.name, stored)
                if int8:
                    _to_int8(draft / path.name)
        except ImportError as error:
            what = "onnx, onnxscript and onnxruntime" if int8 else "onnx and onnxscript"
            raise ImportError(f"export_onnx needs {what}; pip install 'graphdistill[onnx]'") from error


class _Weighted(nn.Module):
    """A network some of whose weights are inputs, so that no step of the export changes them."""

    def __init__(self, network: nn.Module, names: Sequence[str]):
        super().__init__()
        self.network, self.names = network, names

    def forward(self, x: Tensor, *weights: Tensor) -> Tensor:
        logits: Tensor = functional_call(self.network, dict(zip(self.names, weights, strict=True)), (x,))
        return logits


def _rewrite(path: Path, stored: Mapping[str, StoredWeight]) -> None:
    """Leave out what only the exporter needs, and compute weights that are inputs from what is stored."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    del graph.value_info[:]
    for owner in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del owner.metadata_props[:]
        owner.doc_string = ""
    inputs = [given for given in graph.input if given.name not in stored]
    nodes = [computed_weight(model, name, weight) for name, weight in stored.items()] + list(graph.node)
    for field, kept in ((graph.input, inputs), (graph.node, nodes)):
        del field[:]
        field.extend(kept)
    onnx.save(model, path)


def computed_weight(model: Any, name: str, weight: StoredWeight) -> Any:
    """The node that computes a weight; its tensors, and its function where it is new, go into the model.

    Args:
        model: an ``onnx.ModelProto``, which is changed in place.
        name: name of the weight, the output of the node.
        weight: what is stored.
    """
    import onnx

    if weight.function not in [function.name for function in model.functions]:
        (version,) = (used.version for used in model.opset_import if not used.domain)
        head = f'<domain: "{DOMAIN}", opset_import: ["" : {version}]>\n{weight.function}'
        names = f"<{', '.join(weight.sizes)}> ({', '.join(weight.tensors)}) => (weight)"
        model.functions.append(onnx.parser.parse_function(f"{head} {names} {{{weight.steps}}}"))
    if DOMAIN not in [used.domain for used in model.opset_import]:
        model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    for key, tensor in weight.tensors.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(tensor.numpy(), f"{name}.{key}"))
    inputs = [f"{name}.{key}" for key in weight.tensors]
    sizes: dict[str, Any] = {key: list(numbers) for key, numbers in weight.sizes.items()}
    return onnx.helper.make_node(weight.function, inputs, [name], domain=DOMAIN, **sizes)


def _to_int8(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(path, path, weight_type=QuantType.QUInt8)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the hints of both exporters, which nobody can follow here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.disable(before)
