"""VQGraph: graph networks distilled into MLPs, with a codebook of structures."""
