"""Merge two checkpoints of one family, tensor by tensor, in a process of its own."""
