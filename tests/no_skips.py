"""Plugin of `make test`: a test that was skipped proves nothing, so it fails the session."""

import pytest

_UNPROVEN = ("skipped", "xfailed", "xpassed")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a green session red if anything was skipped or expected to fail.

    Where tests run in several processes, the one that reports is told of all of them.
    """
    if hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    unproven = [report for kind in _UNPROVEN for report in reporter.stats.get(kind, ())]
    if unproven and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for report in unproven:
            reporter.write_line(f"\nnot run: {report.nodeid}", red=True)
