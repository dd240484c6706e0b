"""Where a federation runs: in this process, or on a SuperLink of its own."""
