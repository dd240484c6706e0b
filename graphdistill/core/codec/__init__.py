"""Lossless entropy coding of sets of labelled graphs."""

from graphdistill.core.codec.codec import PRIORS as PRIORS
from graphdistill.core.codec.codec import decode_graphs as decode_graphs
from graphdistill.core.codec.codec import decode_set as decode_set
from graphdistill.core.codec.codec import encode_graphs as encode_graphs
from graphdistill.core.codec.codec import encode_set as encode_set
from graphdistill.core.codec.codec import encode_sorted as encode_sorted
from graphdistill.core.codec.codec import prior_graphs as prior_graphs
from graphdistill.core.codec.labels import Labels as Labels
