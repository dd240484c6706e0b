"""Search over students: spaces of networks of one family, their costs, and evolution."""
