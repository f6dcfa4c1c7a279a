"""The shape of the code that import contracts cannot say: sizes, names, and a pure core."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.module_map import drawn

ROOT = Path(__file__).parents[2]
SMALL = ("domain", "infra", "streams", "projections", "notifications", "api")
OTHERS = ("cli", "dev", "benchmarks")
LONGEST = 200  # lines
VAGUE = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "base"}

# What would make the core depend on when, where or how often it runs.
IMPURE_MODULES = {
    "aiokafka", "asyncio", "concurrent", "faust", "httpx", "io", "logging", "motor",
    "multiprocessing", "os", "pathlib", "pymongo", "random", "secrets", "socket", "ssl",
    "structlog", "subprocess", "sys", "tempfile", "threading", "time",
}  # fmt: skip
IMPURE_CALLS = {
    "now", "utcnow", "today", "time", "monotonic", "perf_counter", "uuid1", "uuid4", "urandom",
    "open", "print", "input", "sleep", "read_text", "write_text", "read_bytes", "write_bytes",
}  # fmt: skip
PACKAGE = re.compile(r"[a-z]+")
MODULE = re.compile(r"(__)?[a-z]+(_[a-z]+)*(__)?")


def _modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_small = pytest.mark.parametrize("path", _modules(*SMALL), ids=_name)
every_module = pytest.mark.parametrize("path", _modules(*SMALL, *OTHERS), ids=_name)
every_core = pytest.mark.parametrize("path", _modules("domain"), ids=_name)


@every_small
def test_a_module_can_be_held_in_the_head(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= LONGEST, f"{lines} lines, at most {LONGEST}"


@every_module
def test_a_module_says_its_job_in_one_line(path: Path) -> None:
    source = path.read_text()
    if path.name == "__init__.py" and not source.strip():
        return
    docstring = ast.get_docstring(ast.parse(source)) or ""

    assert docstring.splitlines()[:1], "no docstring"
    assert docstring.splitlines()[0].endswith((".", ":", "?", "!"))


@every_module
def test_a_module_is_named_by_a_noun_of_the_trade(path: Path) -> None:
    assert MODULE.fullmatch(path.stem)
    assert not {*path.stem.split("_")} & VAGUE
    assert PACKAGE.fullmatch(path.parent.name)
    assert path.parent.name not in VAGUE


@every_core
def test_the_core_knows_no_clock_no_chance_and_no_outside(path: Path) -> None:
    assert sorted(_impurities(ast.parse(path.read_text()))) == []


def _impurities(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (a.name for a in names if a.name.split(".")[0] in IMPURE_MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in IMPURE_MODULES:
                yield module
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                if name in IMPURE_CALLS:
                    yield f"{name}() in line {node.lineno}"
            case ast.AsyncFunctionDef(name=name) | ast.Global(names=[name, *_]):
                yield f"{name} in line {node.lineno}"
            case ast.Await():
                yield f"await in line {node.lineno}"
            case _:
                pass


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio",
        "import os.path",
        "from random import choice",
        "from time import time",
        "moment = datetime.now(UTC)",
        "id_ = uuid.uuid4()",
        "text = open('x')",
        "async def f(): pass",
        "def f():\n    global state",
    ],
)
def test_impurity_is_noticed(source: str) -> None:
    assert list(_impurities(ast.parse(source)))


def test_every_package_of_code_is_known_and_installed() -> None:
    known = {*SMALL, *OTHERS}
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layered = set(project["tool"]["importlinter"]["root_packages"])

    assert there <= known
    assert there <= layered | {"benchmarks"}
    installed = set(project["tool"]["setuptools"]["packages"])
    nested = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in there - {"benchmarks"}
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert nested <= installed


def test_the_map_shows_every_module_as_it_is() -> None:
    """`python -m dev.module_map` draws it anew."""
    text = (ROOT / "ARCHITECTURE.md").read_text()

    assert drawn(text) == text
