"""Segment operations on sorted rows: what message passing and readout are made of."""

from graphdistill.core.scatter._segments import Segments as Segments
