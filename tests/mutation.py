"""Change the code that keeps pictures and prompts back, one small thing at a time, and see that a test fails each time.

    python -m tests.mutation                  a sample of 40 changes, seeded, of all rooms
    python -m tests.mutation words --all      every change of one room
    python -m tests.mutation --list           the rooms, their files and how many changes each has

Each change is tried in a tree of links to the repository, so that nothing here is written to. Tests without torch come
first, the others only for what survives those. What was found is kept in `.mutation.jsonl` and not tried again until
the file, or the tests it is tried with, have changed. Survivors that are known stand with their reason in
`mutation_survivors.toml`; any other one makes the command fail.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".mutation.jsonl"
SURVIVORS = Path(__file__).with_name("mutation_survivors.toml")
SAMPLE = 40
TIMEOUT_S = 300.0
_LINKED = (
    "bot",
    "engine",
    "tests",
    "config",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "Makefile",
    "requirements.lock",
)


@dataclass(frozen=True, slots=True)
class Room:
    """Files that are changed, and the tests that must notice: quick ones, and those that load torch."""

    files: tuple[str, ...]
    quick: tuple[str, ...]
    slow: tuple[str, ...] = ()


ROOMS = {
    "floor": Room(
        ("engine/prompt_floor", "engine/api/folding.py", "engine/api/vocabulary.py"),
        (
            "tests/engine/prompt_floor",
            "tests/engine/api/test_folding.py",
            "tests/engine/api/test_vocabulary.py",
            "tests/bot/domain/test_blocked_words.py",
        ),
    ),
    "words": Room(
        ("bot/domain/blocked_words.py", "bot/domain/policy.py"),
        ("tests/bot/domain", "tests/bot/usecases/test_admin.py"),
        ("tests/bot/cogs/test_words.py",),
    ),
    "delivery": Room(
        ("bot/usecases/deliver.py", "bot/usecases/acceptance.py"),
        (
            "tests/bot/usecases/test_deliver.py",
            "tests/bot/usecases/test_admin.py",
            "tests/bot/usecases/test_imagine.py",
        ),
        ("tests/bot/cogs", "tests/bot/delivery"),
    ),
    "safety": Room(("engine/worker/safety",), (), ("tests/engine/worker/safety",)),
}
# What all tests load besides our own, and what the slow ones do.
_LIGHT = (
    "hypothesis",
    "pytest",
    "pytest_asyncio.plugin",
    "simcord",
    "discord.app_commands",
    "discord.ext.commands",
    "aiosqlite",
    "msgspec",
    "numpy",
    "PIL.Image",
    "pydantic_settings",
)
_HEAVY = (
    "torch",
    "onnxruntime",
    "diffusers.pipelines.stable_diffusion.safety_checker",
    "transformers.models.clip.image_processing_pil_clip",
)
# Slow, and measures no behaviour.
_NOT_RUN = ("--deselect", "tests/engine/prompt_floor/test_time.py")

# A profile of hypothesis: the same few examples each time.
_FEW = "few"
# Fields of the syntax tree: annotations are not looked at while a program runs.
_NEVER_RUN = ("annotation", "returns")

_OTHER_COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OTHER_OPERATION: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file.

    Args:
        file: where.
        number: of the change in the file, in the order of `changes`.
        line: where it is, from 1.
        source: that line, as it was.
        change: what was changed.
    """

    file: str
    number: int
    line: int
    source: str
    change: str


def changes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Change a tree, one thing at a time, but no decorators and annotations; yields line and change while it is."""
    tops = [top for node in ast.walk(tree) for top in getattr(node, "decorator_list", ())]
    decorators = {id(node) for top in tops for node in ast.walk(top)}
    for parent in ast.walk(tree):
        if id(parent) in decorators:
            continue
        for name, value in list(ast.iter_fields(parent)):
            if name in _NEVER_RUN:
                continue
            for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(node, ast.AST) or _is_docstring(parent, node):
                    continue
                for other, change in _others(node):
                    _put(parent, name, place, other)
                    yield getattr(node, "lineno", getattr(parent, "lineno", 1)), change
                    _put(parent, name, place, node)


def _put(parent: ast.AST, name: str, place: int | None, node: ast.AST) -> None:
    if place is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[place] = node


def _is_docstring(parent: ast.AST, node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and hasattr(parent, "body")


def _others(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield what may stand in place of a node."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _OTHER_COMPARISON:
            other = copy.copy(node)
            other.ops = [_OTHER_COMPARISON[type(operator)]()]
            yield other, f"{type(operator).__name__} is {type(other.ops[0]).__name__}"
        case ast.BoolOp(op=operator):
            swapped = copy.copy(node)
            swapped.op = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield swapped, f"{type(operator).__name__} is {type(swapped.op).__name__}"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand, "no not"
        case ast.BinOp(op=operation) if type(operation) in _OTHER_OPERATION:
            computed = copy.copy(node)
            computed.op = _OTHER_OPERATION[type(operation)]()
            yield computed, f"{type(operation).__name__} is {type(computed.op).__name__}"
        case ast.Constant(value=bool(value)):
            yield ast.copy_location(ast.Constant(not value), node), f"{value} is {not value}"
        case ast.Constant(value=int(value)):
            yield ast.copy_location(ast.Constant(value + 1), node), f"{value} is {value + 1}"
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            for value in (True, False) if not isinstance(node, ast.While) else (False,):
                decided = copy.copy(node)
                decided.test = ast.copy_location(ast.Constant(value), test)
                yield decided, f"always {value}"
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.copy_location(ast.Pass(), node), "left out"
        case ast.Return(value=ast.Constant(value=None | False)):
            return  # the same to who asks whether it holds
        case ast.Return(value=ast.expr() as value):
            yield ast.copy_location(ast.Return(ast.copy_location(ast.Constant(None), value)), node), "returns None"
        case ast.AugAssign() | ast.Continue() | ast.Break():
            yield ast.copy_location(ast.Pass(), node), "left out"


def mutants(file: str) -> Iterator[Mutant]:
    """Yield every change of a file."""
    source = (ROOT / file).read_text("utf-8")
    lines = source.splitlines()
    for number, (line, change) in enumerate(changes(ast.parse(source))):
        yield Mutant(file, number, line, lines[line - 1].strip(), change)


def mutated(mutant: Mutant) -> str:
    """Return the file's source with the change in it."""
    tree = ast.parse((ROOT / mutant.file).read_text("utf-8"))
    for number, _ in enumerate(changes(tree)):
        if number == mutant.number:
            return ast.unparse(ast.fix_missing_locations(tree))
    raise ValueError(f"{mutant.file} has no change {mutant.number}")


def files_of(room: Room) -> Iterator[str]:
    """Yield the Python files of a room; data alone is not changed."""
    for name in room.files:
        path = ROOT / name
        for each in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if each.name != "lexicon.py":
                yield str(each.relative_to(ROOT))


def try_out(mutant: Mutant, room: Room) -> str:
    """Return what noticed the change: "quick", "slow" or "time"; "nothing" if nothing did."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        _link(tree, mutant.file, mutated(mutant))
        for name, tests in (("quick", room.quick), ("slow", room.slow)):
            if name == "slow" and tests:
                _import_once(*_HEAVY)
            if tests and (code := _run(tree, nearest_first(mutant.file, tests))) != 0:
                return "time" if code < 0 else name
    return "nothing"


def nearest_first(file: str, tests: Sequence[str]) -> list[str]:
    """Return the test files of some files and folders, those that are named after the changed file first."""
    found = [
        str(each.relative_to(ROOT))
        for path in (ROOT / name for name in tests)
        for each in (sorted(path.rglob("test_*.py")) if path.is_dir() else [path])
    ]
    return sorted(found, key=lambda name: Path(file).stem not in name)


def _import_once(*names: str) -> None:
    """Import what every child needs before it is made; none of it is ours, so that a change is not missed."""
    for name in names:
        importlib.import_module(name)


def _link(tree: Path, changed: str, source: str) -> None:
    for name in _LINKED:
        original = ROOT / name
        for path in sorted(original.rglob("*")) if original.is_dir() else [original]:
            if path.is_file() and "__pycache__" not in path.parts:
                link = tree / path.relative_to(ROOT)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path)
    (tree / changed).unlink()
    (tree / changed).write_text(source, "utf-8")


def _run(tree: Path, tests: Sequence[str]) -> int:
    """Run tests in a child process; return its exit status, below 0 if it took too long."""
    child = os.fork()
    if child == 0:
        _be_pytest(tree, tests)
    ends_at = time.monotonic() + TIMEOUT_S
    while time.monotonic() < ends_at:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def _be_pytest(tree: Path, tests: Sequence[str]) -> None:
    import pytest

    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[0] = str(tree)
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "bot", "engine")]:
        del sys.modules[name]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 3
    with suppress(BaseException):
        code = int(
            pytest.main(["-x", "-q", "-p", "no:cacheprovider", f"--hypothesis-profile={_FEW}", *_NOT_RUN, *tests])
        )
    os._exit(code)


def known_reason(mutant: Mutant) -> str | None:
    """Return why a survivor is no gap, if that was written down."""
    for each in tomllib.loads(SURVIVORS.read_text("utf-8")).get("survivor", []):
        if (each["file"], each["source"], each["change"]) == (mutant.file, mutant.source, mutant.change):
            return str(each["reason"])
    return None


def _key(mutant: Mutant, room: Room) -> str:
    """Name a change and all that decides what becomes of it."""
    texts = [mutant.file, str(mutant.number), (ROOT / mutant.file).read_text("utf-8")]
    for name in (*room.quick, *room.slow):
        path = ROOT / name
        for each in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            texts.append(each.read_text("utf-8"))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _tried_before() -> dict[str, str]:
    if not RESULTS.exists():
        return {}
    return {row["key"]: row["noticed"] for row in map(json.loads, RESULTS.read_text("utf-8").splitlines())}


def _wanted(names: Sequence[str], everything: bool, count: int, seed: int) -> list[tuple[Mutant, Room]]:
    rooms = [ROOMS[name] for name in names or ROOMS]
    found = [(mutant, room) for room in rooms for file in files_of(room) for mutant in mutants(file)]
    if everything or count >= len(found):
        return found
    return random.Random(seed).sample(found, count)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rooms", nargs="*", metavar="room", help=f"of {', '.join(ROOMS)}; all without")
    parser.add_argument("--all", action="store_true", help="every change, not a sample")
    parser.add_argument("--count", type=int, default=SAMPLE, help="changes in the sample")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--list", action="store_true", help="count the changes and try none")
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(ROOMS):
        parser.error(f"there is no room {', '.join(sorted(unknown))}")
    if options.list:
        for name in options.rooms or ROOMS:
            for file in files_of(ROOMS[name]):
                print(f"{name:10} {file:40} {sum(1 for _ in mutants(file)):5}")
        return
    sys.exit(_try_all(_wanted(options.rooms, options.all, options.count, options.seed)))


def _try_all(wanted: Sequence[tuple[Mutant, Room]]) -> int:
    _import_once(*_LIGHT)
    hypothesis = sys.modules["hypothesis"]
    hypothesis.settings.register_profile(_FEW, max_examples=15, derandomize=True, deadline=None)
    before, counts = _tried_before(), {"quick": 0, "slow": 0, "time": 0, "nothing": 0}
    unexplained = 0
    for mutant, room in wanted:
        key = _key(mutant, room)
        noticed = before.get(key) or try_out(mutant, room)
        if key not in before:
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "noticed": noticed, **asdict(mutant)}) + "\n")
        counts[noticed] += 1
        if noticed == "nothing":
            reason = known_reason(mutant)
            unexplained += reason is None
            print(f"survived: {mutant.file}:{mutant.line}: {mutant.change}: {mutant.source}", flush=True)
            print(f"    {reason or 'no reason is known'}", flush=True)
    print(
        ", ".join(f"{count} {name}" for name, count in counts.items()), f"of {len(wanted)}; {unexplained} unexplained"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    main()
