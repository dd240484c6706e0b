"""Lossless entropy coding of sets of labelled graphs, of arrays of numbers, and of rows of integers by circuits."""

from graphdistill.core.codec.arrays import decode_array as decode_array
from graphdistill.core.codec.arrays import encode_array as encode_array
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
