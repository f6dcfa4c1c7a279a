"""One arena: threads of a service allocate where all others do."""

import subprocess
import sys

# Heaps of further arenas begin at multiples of 64 MiB (HEAP_MAX_SIZE of glibc on 64 bits).
PROGRAM = """
import sys, threading
from infra.memory import share_one_arena

if sys.argv[1] == "one":
    share_one_arena()
held = threading.Barrier(5)
done = threading.Barrier(5)

def hold():
    kept = [bytes(20_000) for _ in range(50)]
    held.wait()
    done.wait()

threads = [threading.Thread(target=hold) for _ in range(4)]
for thread in threads:
    thread.start()
held.wait()
begins = [int(line.split("-")[0], 16) for line in open("/proc/self/maps")]
print(sum(begin % (64 << 20) == 0 for begin in begins))
done.wait()
"""


def heaps(arenas: str) -> int:
    """How many heaps of further arenas a process with four busy threads has."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, arenas], check=True, capture_output=True, timeout=60
    )
    return int(done.stdout)


def test_threads_share_one_arena() -> None:
    assert heaps("one") == 0
    assert heaps("many") > 0
