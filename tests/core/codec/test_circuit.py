from __future__ import annotations

import lzma
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill import load
from graphdistill.core.codec.chow_liu import chow_liu_tree, mutual_information
from graphdistill.core.codec.circuit import _weights, chow_liu_circuit, fit_circuit
from graphdistill.core.codec.hidden_chow_liu import CircuitConfig, fit_parameters, log_likelihood
from graphdistill.core.codec.jit import COMPILED

FAST = CircuitConfig(states=3, epochs=3)


def rows(seed: int, num: int, width: int, num_values: int) -> torch.Tensor:
    return torch.randint(num_values, (num, width), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 6), st.integers(1, 300), st.booleans())
def test_rows_come_back_those_not_learnt_from_too(seed, num, width, num_values, hidden):
    x, other = rows(seed, num, width, num_values), rows(seed + 1, 3, width, num_values)
    make = fit_circuit if hidden else chow_liu_circuit
    circuit = fit_circuit(x, FAST, num_values=num_values) if hidden else make(x, num_values=num_values)
    for part in (x, other, x[:0]):
        assert torch.equal(circuit.decode(circuit.encode(part)), part)


def test_the_stream_is_as_long_as_the_likelihood_says():
    x = rows(0, 400, 1, 4).expand(-1, 6).clone()
    x = torch.where(torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.2, rows(2, 400, 6, 4), x)
    config = CircuitConfig(states=4, epochs=10)
    circuit = fit_circuit(x, config, generator=torch.Generator().manual_seed(3))
    tree = chow_liu_tree(mutual_information(x, 4))
    parameters = fit_parameters(
        x[:, tree.variable], tree, config, num_levels=4, generator=torch.Generator().manual_seed(3)
    )
    bits = -float(log_likelihood(x[:, tree.variable], tree, parameters).sum())
    # 8 bytes of header, at most 2 at the end, and what logarithms in steps of 1/8 lose.
    assert bits / 8 < len(circuit.encode(x)) < bits / 8 * 1.005 + 11


def test_digits_take_fewer_bits_than_the_target_and_than_xz():
    data = load("digits")
    x = (data.images[:, 0].flatten(1) * 16).round().long()
    test = x[data.test]
    circuit = fit_circuit(x[data.train], num_values=17, valid=x[data.valid], config=CircuitConfig(epochs=25))
    stream = circuit.encode(test[:60])
    assert torch.equal(circuit.decode(stream), test[:60])
    assert len(stream) * 8 / test[:60].numel() < 2.2
    assert len(stream) < 0.8 * len(lzma.compress(test[:60].to(torch.uint8).numpy().tobytes(), preset=9))


def test_probabilities_in_integers_are_those_of_the_stored_logarithms():
    stored = torch.arange(256, dtype=torch.uint8)
    expected = np.maximum(np.floor(2.0 ** (16 - np.arange(256) / 8)), 1)
    assert np.abs(_weights(stored) - expected).max() <= 1


@pytest.mark.bits
def test_plain_python_and_compiled_code_give_the_same_bytes(tmp_path):
    x = rows(0, 40, 7, 5)
    x[:, 3] = x[:, 1]
    circuit = fit_circuit(x, CircuitConfig(states=4, epochs=4))
    torch.save(circuit.payload() | {"x": x}, tmp_path / "circuit.pt")
    code = (
        "import sys, torch; from graphdistill.core.codec.circuit import Circuit;"
        "from graphdistill.core.codec.chow_liu import Tree; p = torch.load(sys.argv[1]);"
        "tree = Tree(p['variable'].long(), p['parent'].long());"
        "circuit = Circuit(tree, p['first'], p['transition'], p['emission'], p['first_value'].long(), p['within']);"
        "print(circuit.encode(p['x']).hex())"
    )
    plain = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "circuit.pt")],
        env={**os.environ, "GRAPHDISTILL_NO_JIT": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert COMPILED
    assert plain.stdout.strip() == circuit.encode(x).hex()


def test_damaged_streams_and_those_of_another_circuit_are_refused():
    x = rows(0, 30, 4, 3)
    circuit, other = fit_circuit(x, FAST), fit_circuit(x.flip(1), FAST)
    stream = circuit.encode(x)
    with pytest.raises(ValueError, match=r"the stream has 5 bytes and is cut off; it starts with 8 of header"):
        circuit.decode(stream[:5])
    damaged = bytearray(stream)
    damaged[10] ^= 1
    many = (2**31).to_bytes(4, "little") + stream[4:]
    for bad in (bytes(damaged), stream[:-5], many):
        with pytest.raises(ValueError, match="the stream is damaged or of another circuit; encode the rows again"):
            circuit.decode(bad)
    with pytest.raises(ValueError, match="damaged or of another circuit"):
        other.decode(stream)


def test_values_that_a_circuit_cannot_code_are_refused():
    circuit = fit_circuit(rows(0, 30, 4, 3), FAST)
    with pytest.raises(ValueError, match=r"x must be integers \[N, 4\], got torch.int64 \[2, 3\]"):
        circuit.encode(torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"x holds values from 0 to 3, but the circuit knows 0 to 2"):
        circuit.encode(torch.tensor([[0, 1, 2, 3]]))
    with pytest.raises(ValueError, match=r"x must be integers \[N, D\], at least one"):
        fit_circuit(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"x holds values from -1 to 2; give values from 0 to num_values - 1"):
        fit_circuit(torch.tensor([[-1, 2]]))
    with pytest.raises(ValueError, match=r"x holds values from 0 to 2; give values from 0 to num_values - 1"):
        chow_liu_circuit(torch.tensor([[0, 2]]), num_values=2)


def test_the_circuit_is_counted_apart_from_the_rows():
    circuit = fit_circuit(rows(0, 30, 4, 3), FAST)
    raw = sum(value.numel() * value.element_size() for value in circuit.payload().values())
    assert 0 < circuit.nbytes < raw
