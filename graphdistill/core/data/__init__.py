"""The real data that methods read, the rules that it has to meet, and small functions on tensors."""
