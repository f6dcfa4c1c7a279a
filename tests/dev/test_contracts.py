"""What is made from the code says what the code does, and a file that does not is named."""

from pathlib import Path

from dev.contracts.files import contract_files, outdated


def test_every_file_is_as_the_code_would_make_it_today() -> None:
    """`make contracts` writes them anew."""
    assert outdated(contract_files()) == []


def test_a_file_that_is_old_or_missing_is_named(tmp_path: Path) -> None:
    old, missing, right = (tmp_path / name for name in ("old", "missing", "right"))
    old.write_text("yesterday\n")
    right.write_text("today\n")

    found = outdated({old: "today\n", missing: "today\n", right: "today\n"})

    assert found == [old, missing]
