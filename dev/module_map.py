"""`python -m dev.module_map`: the map in ARCHITECTURE.md, made from the first lines of modules."""

import ast
import re
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent
_PACKAGES: Final = (
    *("domain", "infra", "streams", "projections", "notifications", "api"),
    *("cli", "dev", "benchmarks"),
)
_MAP: Final = re.compile(r"(?<=## Map\n\n```\n).*?(?=```)", re.DOTALL)


def module_map(root: Path = _ROOT) -> str:
    """Every module that says what it is, package by package."""
    lines = []
    for package in _PACKAGES:
        lines.append(f"{package}/")
        for path in sorted((root / package).rglob("*.py")):
            said = ast.get_docstring(ast.parse(path.read_text()))
            if said and path.name != "__init__.py":
                name = str(path.relative_to(root / package))
                lines.append(f"  {name:<22} {said.splitlines()[0]}")
    return "\n".join(lines) + "\n"


def drawn(text: str) -> str:
    """`text`, ARCHITECTURE.md, with the map as it is today."""
    made, times = _MAP.subn(lambda _: module_map(), text)
    if times != 1:
        raise ValueError("ARCHITECTURE.md has no map, or more than one")
    return made


def main() -> None:
    """Draw the map anew."""
    path = _ROOT / "ARCHITECTURE.md"
    path.write_text(drawn(path.read_text()))


if __name__ == "__main__":
    main()
