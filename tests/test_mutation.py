"""The mutation tool makes one change at a time, each another one, and leaves what it changed as it was."""

from __future__ import annotations

import ast

from tests.mutation import ROOMS, ROOT, changes, files_of, mutants

SOURCE = '''
def allowed(age, words):
    """Return it."""
    if age < 18 and not words:
        raise ValueError
    log(age)
    return age + 1
'''


def test_every_change_is_another_one_and_is_undone() -> None:
    tree = ast.parse(SOURCE)
    before = ast.dump(tree)
    changed = [(change, ast.dump(tree)) for _, change in changes(tree)]

    assert len({text for _, text in changed}) == len(changed)
    assert before not in {text for _, text in changed}
    assert ast.dump(tree) == before
    assert {change for change, _ in changed} == {
        "Lt is LtE",
        "And is Or",
        "no not",
        "18 is 19",
        "always True",
        "always False",
        "left out",
        "Add is Sub",
        "1 is 2",
        "returns None",
    }


def test_every_room_has_files_with_something_to_change_and_tests_that_are_there() -> None:
    for room in ROOMS.values():
        files = list(files_of(room))
        assert any(True for file in files for _ in mutants(file))
        assert all((ROOT / test).exists() for test in (*room.quick, *room.slow))
