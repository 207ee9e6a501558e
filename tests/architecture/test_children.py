"""Every process is started with an environment that was chosen for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("bot", "engine") for path in (ROOT / folder).rglob("*.py"))
STARTS = frozenset({"Popen", "run", "call", "check_call", "check_output", "create_subprocess_exec"})
NEVER = frozenset({"create_subprocess_shell", "system", "popen", "posix_spawn", "spawnv", "spawnve", "fork"})
MODULES = frozenset({"subprocess", "asyncio", "os"})


def starts(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call by which a process is started, with its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STARTS | NEVER:
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in MODULES and (of.id, node.func.attr) != ("asyncio", "run"):
                yield node.func.attr, node


def has_chosen_environment(call: ast.Call) -> bool:
    values = [keyword.value for keyword in call.keywords if keyword.arg == "env"]
    return any("child_environment" in ast.unparse(value) or ast.unparse(value) == "env" for value in values)


def test_a_process_gets_the_environment_for_children() -> None:
    for path in FILES:
        source = path.read_text("utf-8")
        found = list(starts(ast.parse(source)))
        assert not [name for name, _ in found if name in NEVER], path
        assert all(has_chosen_environment(call) for _, call in found), path
        assert not found or "from engine.children import child_environment" in source, path


def test_the_starts_are_found() -> None:
    found = [path.name for path in FILES if list(starts(ast.parse(path.read_text("utf-8"))))]
    assert {"process.py", "pull.py", "score.py", "gate.py", "merge.py", "machine.py", "settings.py"} <= set(found)
