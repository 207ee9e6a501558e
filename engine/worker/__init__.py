"""The worker: one process, one device. Draws requests from stdin, lets only reviewed pictures out on stdout.

The only part of the engine, besides the pocket model's training, that loads torch.
"""
