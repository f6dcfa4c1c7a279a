"""Memory: how much of it a process keeps that it no longer uses."""

import ctypes
import sys
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of <malloc.h>


def share_one_arena() -> None:
    """Have all threads allocate from one arena, where the C library is glibc.

    glibc gives threads arenas of their own, up to eight per core, and each keeps what was freed in
    it (glibc manual, "Malloc Tunable Parameters").  Motor's threads take turns with batches of
    megabytes, so a process would keep several times what it needs.  It must be called before there
    are threads.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_ARENA_MAX, 1)
