"""`easel bench`: Easel against diffusers' own pipeline and against static batching, on this machine.

This part knows no torch. It starts the contenders' workers (`engine.worker.bench`), sends all of them the same
requests at the same times, and compares when the pictures came and what they are.
"""

from engine.bench.command import BenchOptions, add_options, bench, options_from

__all__ = ["BenchOptions", "add_options", "bench", "options_from"]
