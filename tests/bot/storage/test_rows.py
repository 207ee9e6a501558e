"""Values in the database's text columns."""

from __future__ import annotations

import json
from dataclasses import asdict

from bot.storage.rows import facts_from_json, facts_to_json
from engine.api import Provenance

FACTS = Provenance("cpu-0", "cpu", 2, "float32", (("torch", "2.13.0"),), 1.5, "fast", 16)


def test_facts_are_read_as_they_were_written() -> None:
    assert facts_from_json(facts_to_json(FACTS)) == FACTS
    assert facts_from_json(None) is None


def test_facts_from_before_there_were_classes_are_exact_with_two_rows() -> None:
    old = {name: value for name, value in asdict(FACTS).items() if name not in ("service", "bucket")}
    facts = facts_from_json(json.dumps(old))
    assert facts is not None
    assert (facts.service, facts.bucket) == ("exact", 2)
