"""Make graph data small, train as well on it, and say honestly what it cost.

The shortest way in is a command, ``python -m graphdistill.mirage``; the same words as a Python call::

    from graphdistill import datasets, mirage

    data = datasets.load("pains")
    small = mirage.distill_mirage(data, mirage.MirageConfig(fraction=0.01))
"""

from graphdistill.core.offline import quieten

__version__ = "0.1.0"

quieten()
