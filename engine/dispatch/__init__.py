"""The order of jobs: one fair line for all workers, and one task that owns each worker."""

from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.jobs import EngineJob

__all__ = ["Dispatcher", "EngineJob"]
