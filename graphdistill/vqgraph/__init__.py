"""VQGraph: any graph network distilled into an MLP, with a codebook of the structures that it saw."""

from graphdistill.vqgraph.distill import Distilled as Distilled
from graphdistill.vqgraph.distill import VQGraphConfig as VQGraphConfig
from graphdistill.vqgraph.distill import distill_vqgraph as distill_vqgraph
from graphdistill.vqgraph.storage import load_student as load_student
from graphdistill.vqgraph.storage import save_student as save_student
from graphdistill.vqgraph.student import VQGraphStudent as VQGraphStudent
