"""The jars of Kafka: exactly those that were pinned, or an error that says what to do."""

from pathlib import Path

import pytest

from dev import kafka_jars
from dev.engine_errors import EngineError, JarsChangedError, MissingProgramError
from dev.kafka_jars import install_jars, java

_PINNED = Path(kafka_jars.__file__).parent / "kafka"


def _put_program(directory: Path, name: str, script: str) -> None:
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what the test puts there."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of hashes that names one small jar."""
    directory = tmp_path / "kafka"
    directory.mkdir()
    digest = "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"  # of b"aaa"
    (directory / "jars.sha256").write_text(f"{digest}  one.jar\n")
    monkeypatch.setattr(kafka_jars, "_HERE", directory)
    return directory


def test_every_pinned_jar_has_a_hash() -> None:
    lines = (_PINNED / "jars.sha256").read_text().splitlines()

    assert "kafka_2.13-4.1.1.jar" in {line.split("  ")[1] for line in lines}
    assert all(len(line.split("  ")[0]) == 64 for line in lines)


@pytest.mark.usefixtures("path")
def test_jars_that_are_there_are_not_fetched_again(pinned: Path) -> None:
    jars = pinned / "jars"
    jars.mkdir()
    (jars / "one.jar").write_bytes(b"aaa")

    install_jars(jars)  # there is no Maven on this PATH


def test_changed_and_unknown_jars_are_replaced(path: Path, pinned: Path) -> None:
    jars = pinned / "jars"
    jars.mkdir()
    (jars / "one.jar").write_bytes(b"changed")
    (jars / "two.jar").write_bytes(b"unknown")
    _put_program(path, "mvn", _MAVEN.format(content="aaa"))

    install_jars(jars)

    assert {jar.name: jar.read_bytes() for jar in jars.iterdir()} == {"one.jar": b"aaa"}


def test_a_jar_with_another_hash_is_refused_by_name(path: Path, pinned: Path) -> None:
    _put_program(path, "mvn", _MAVEN.format(content="bbb"))

    with pytest.raises(JarsChangedError, match=r"one\.jar"):
        install_jars(pinned / "jars")

    assert not (pinned / "jars").exists()


def test_what_maven_says_when_it_fails_is_shown(path: Path, pinned: Path) -> None:
    _put_program(path, "mvn", "echo 'network unreachable'; exit 1")

    with pytest.raises(EngineError, match="network unreachable"):
        install_jars(pinned / "jars")


@pytest.mark.usefixtures("path")
def test_without_maven_the_error_says_what_to_install(pinned: Path) -> None:
    with pytest.raises(MissingProgramError, match="install Apache Maven"):
        install_jars(pinned / "jars")


@pytest.mark.usefixtures("path")
def test_without_java_the_error_says_what_to_install() -> None:
    with pytest.raises(MissingProgramError, match="version 17 or newer"):
        java()


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "16"])
def test_an_old_java_is_refused(path: Path, version: str) -> None:
    _put_program(path, "java", f"echo 'openjdk version \"{version}\"' >&2")

    with pytest.raises(MissingProgramError, match="too old"):
        java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_new_java_is_taken(path: Path, version: str) -> None:
    _put_program(path, "java", f"echo 'openjdk version \"{version}\"' >&2")

    assert java() == str(path / "java")


# Puts one jar where its last argument says.
_MAVEN = """for last; do :; done
target="${{last#-DoutputDirectory=}}"
/bin/mkdir -p "$target" && printf '%s' {content} > "$target/one.jar"
"""
