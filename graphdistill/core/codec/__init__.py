"""Lossless entropy coding of sets of labelled graphs."""

from graphdistill.core.codec.codec import decode_graphs as decode_graphs
from graphdistill.core.codec.codec import encode_graphs as encode_graphs
from graphdistill.core.codec.codec import encode_sorted as encode_sorted
