"""The requests that every contender gets."""

from __future__ import annotations

from collections import Counter

from engine.api import ModelInfo
from engine.bench.trace import FLOODER, make_trace, of_one_model, with_flooder
from engine.catalog import load_catalog
from engine.settings import EngineSettings


def pocket() -> ModelInfo:
    settings = EngineSettings()
    return load_catalog(settings.models_file, settings.models_dir).infos()[0]


def test_a_seed_gives_the_same_requests_twice_and_another_seed_others() -> None:
    assert make_trace([pocket()], 50, seed=1) == make_trace([pocket()], 50, seed=1)
    assert make_trace([pocket()], 50, seed=1) != make_trace([pocket()], 50, seed=2)


def test_requests_come_on_average_one_gap_apart() -> None:
    trace = make_trace([pocket()], 2000, seed=1)
    assert 0.9 < trace[-1].at / len(trace) < 1.1


def test_requests_are_mixed_and_each_is_one_the_model_can_draw() -> None:
    trace = make_trace([pocket()], 200, seed=1)
    for visit in trace:
        pocket().check(visit.recipe)
    assert len({visit.recipe.steps for visit in trace}) > 2
    assert len({visit.recipe.scheduler for visit in trace}) > 2
    assert {visit.recipe.guidance_scale for visit in trace} >= {1.0}


def test_some_tenants_ask_more_than_others() -> None:
    counts = Counter(visit.tenant for visit in make_trace([pocket()], 1000, seed=1)).most_common()
    assert counts[0][1] > 3 * counts[-1][1]


def test_a_flooder_sends_its_share_and_the_others_keep_their_times() -> None:
    trace = make_trace([pocket()], 1000, seed=1)
    flooded = with_flooder(trace, 0.6, seed=2)
    assert [visit for visit in flooded if visit.tenant != FLOODER] == list(trace)
    assert 0.55 < 1 - len(trace) / len(flooded) < 0.65
    assert [visit.at for visit in flooded] == sorted(visit.at for visit in flooded)


def test_a_trace_of_one_model_asks_for_no_other() -> None:
    one = pocket()
    assert {visit.recipe.model for visit in of_one_model(make_trace([one], 20, seed=1), one)} == {one.id}
