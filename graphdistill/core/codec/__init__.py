"""Lossless entropy coding of sets of labelled graphs, and of rows of integers by probabilistic circuits."""

from graphdistill.core.codec.circuit import Circuit as Circuit
from graphdistill.core.codec.circuit import chow_liu_circuit as chow_liu_circuit
from graphdistill.core.codec.circuit import fit_circuit as fit_circuit
from graphdistill.core.codec.codec import Encoded as Encoded
from graphdistill.core.codec.codec import decode_graphs as decode_graphs
from graphdistill.core.codec.codec import decode_set as decode_set
from graphdistill.core.codec.codec import encode_graphs as encode_graphs
from graphdistill.core.codec.codec import encode_set as encode_set
from graphdistill.core.codec.codec import prior_graphs as prior_graphs
from graphdistill.core.codec.header import PRIORS as PRIORS
from graphdistill.core.codec.hidden_chow_liu import CircuitConfig as CircuitConfig
from graphdistill.core.codec.labels import Labels as Labels
