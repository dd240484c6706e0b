"""Segment operations for tree counts, message passing, class means and codebooks.

Every function takes entries sorted into segments (by :func:`sort_by`) and is deterministic: the same input gives the
same bits on any number of threads, except :func:`nearest_code` for codes that are equally near up to rounding. Each is
an operator ``torch.ops.graphdistill.*`` with plain torch for the CPU and Triton for CUDA, and passes
``torch.compile(fullgraph=True)`` and ``torch.export`` as one node.
"""

from graphdistill.core.scatter._codes import Distance as Distance
from graphdistill.core.scatter._codes import Moments as Moments
from graphdistill.core.scatter._codes import class_moments as class_moments
from graphdistill.core.scatter._codes import codebook_stats as codebook_stats
from graphdistill.core.scatter._codes import nearest_code as nearest_code
from graphdistill.core.scatter._hash import tree_hash_step as tree_hash_step
from graphdistill.core.scatter._segments import Segments as Segments
from graphdistill.core.scatter._segments import gather_segment as gather_segment
from graphdistill.core.scatter._segments import segment_max as segment_max
from graphdistill.core.scatter._segments import segment_mean as segment_mean
from graphdistill.core.scatter._segments import segment_repeat as segment_repeat
from graphdistill.core.scatter._segments import segment_sum as segment_sum
from graphdistill.core.scatter._segments import sort_by as sort_by
