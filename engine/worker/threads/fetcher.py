"""What runs on the service thread `fetches`."""

from __future__ import annotations

from collections.abc import Callable

from engine.worker.loading.pipelines import ModelParts
from engine.worker.threads.messages import ModelFetched


def fetch(model: str, load: Callable[[], ModelParts]) -> ModelFetched:
    """Load a model beside what is drawn. Raises what `load` does."""
    return ModelFetched(model, load())
