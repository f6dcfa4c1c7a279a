"""No boundary without its death, no planted bug without its trap."""

from tests.faults import matrix, planted


def test_every_boundary_that_the_code_names_is_in_the_matrix() -> None:
    named = matrix.named_in_the_code()
    tried = {point.boundary for point in matrix.ALL}
    covered = {
        boundary for boundary, test in matrix.COVERED_ELSEWHERE.items()
        if matrix.is_there(boundary, test)
    }  # fmt: skip

    missing = {name: file for name, file in named.items() if name not in tried | covered}

    assert not missing, f"nobody dies at these; add them to tests/faults/matrix.py: {missing}"
    assert not tried - named.keys(), f"the code names no such boundary: {tried - named.keys()}"
    unfounded = matrix.COVERED_ELSEWHERE.keys() - covered
    assert not unfounded, f"no such test, or it does not name the boundary: {unfounded}"


def test_every_planted_bug_has_a_trap() -> None:
    elsewhere = {
        bug for bug, test in planted.CAUGHT_ELSEWHERE.items() if matrix.is_there(bug, test)
    }  # fmt: skip

    assert planted.BUGS.keys() == planted.TRAPS.keys() | elsewhere
    assert planted.CAUGHT_ELSEWHERE.keys() == elsewhere
