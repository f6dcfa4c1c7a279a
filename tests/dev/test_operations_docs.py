"""The pages for operators name commands, options and pages that there are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app

PAGES = sorted((Path(__file__).parents[2] / "docs" / "operations").glob("*.md"))
COMMAND = re.compile(r"(?:^\$ |`)deskstream ([^`\n]*)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)\)")


def _commands() -> Iterator[Any]:
    for page in PAGES:
        for words in COMMAND.findall(page.read_text()):
            yield pytest.param(words, id=f"{page.name}: {words}")


@pytest.mark.parametrize("words", list(_commands()))
def test_a_command_that_is_named_is_there(words: str) -> None:
    command: Any = typer.main.get_command(app)
    left = shlex.split(words)
    while left and left[0] in getattr(command, "commands", {}):
        command = command.commands[left.pop(0)]
    options = {o for parameter in command.params for o in parameter.opts}

    assert not hasattr(command, "commands"), f"{left} is no command"
    assert {word for word in left if word.startswith("-")} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target
