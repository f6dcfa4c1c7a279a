"""`python -m dev.contracts [--check]`: writes what is made from the code, or names what is old."""

import sys
from typing import Annotated

import typer

from dev.contracts.files import ROOT, contract_files, outdated


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is old.")
    ] = False,
) -> None:
    """Write every contract, or check that they say what the code does."""
    files = contract_files()
    found = outdated(files)
    for path in found:
        if check:
            typer.echo(f"{path.relative_to(ROOT)} is outdated: run `make contracts`", err=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
            typer.echo(f"{path.relative_to(ROOT)} written")
    sys.exit(1 if check and found else 0)


if __name__ == "__main__":
    typer.run(main)
