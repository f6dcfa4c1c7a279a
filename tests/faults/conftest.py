"""Prints what the fault tests did, at the end of the session."""

import pytest

from tests.faults.tables import Tables

_TABLES = pytest.StashKey[Tables]()


@pytest.fixture
def tables(pytestconfig: pytest.Config) -> Tables:
    """Where a test puts its rows; they are printed whether it passes or fails."""
    return pytestconfig.stash.setdefault(_TABLES, Tables())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the tables."""
    for table in config.stash.get(_TABLES, Tables()).all.values():
        terminalreporter.section(table.title)
        terminalreporter.write_line(table.text())
