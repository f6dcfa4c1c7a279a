"""The key ring: what this process knows of the API keys, and whom it lets in."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from api.errors import KeyRefusedError, KeyRequiredError
from domain.access import ANYBODY, Caller
from domain.api_keys import Admission, admissions, digest_of, is_well_formed
from domain.errors import DependencyDownError
from infra.api_keys import ApiKeys

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0  # between two looks at the revision
TRUSTED_SECONDS: Final = 5.0  # what was seen longer ago lets nobody in
_READ_SECONDS: Final = 60.0  # all keys are read again though the revision is the same
_PATIENCE_SECONDS: Final = 2.0  # of a request that has to wait for a look


class KeyRing:
    """All keys, by the hashes of their secrets, never older than five seconds.

    It looks at the revision every second, and reads the keys when that changed.  So a request
    costs a look-up in memory, a key that was revoked stops within seconds in every process, and
    unknown keys leave nothing behind: they only make it look once more, one look at a time, as
    a key may have been made a moment ago.  Where MongoDB cannot be asked, nobody is let in.

    Where it `is_local` - nobody but this machine can reach the API - and no key was ever made,
    access is open.  A key that was revoked or has expired is a key.
    """

    def __init__(
        self,
        keys: ApiKeys,
        *,
        is_local: bool,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._is_local = is_local
        self._clock = clock
        self._wall_clock = wall_clock
        self._admissions: dict[bytes, Admission] = {}
        self._is_open: bool | None = None  # None: nobody knows yet
        self._revision: str | None = None
        self._seen_at = self._read_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._used: set[str] = set()
        self._noted: tuple[datetime, set[str]] = (datetime.min.replace(tzinfo=UTC), set())

    async def caller(self, token: str | None, trusted: float = TRUSTED_SECONDS) -> Caller:
        """Who sent this token, or none, by what was seen at most `trusted` seconds ago.

        Raises:
            KeyRequiredError: none was sent.
            KeyRefusedError: it is no key, or one that was revoked or has expired.
            DependencyDownError: MongoDB would have to be asked, and cannot be.
        """
        if self._clock() - self._seen_at > trusted:
            await self._look_now()
        if self._is_open:
            return ANYBODY
        if token is None:
            raise KeyRequiredError
        digest = digest_of(token)
        admission = self._admissions.get(digest)
        if admission is None and is_well_formed(token):
            await self._look_now()
            admission = self._admissions.get(digest)
        if admission is None or admission.until <= self._wall_clock():
            raise KeyRefusedError
        self._used.add(str(admission.caller.key_id))
        return admission.caller

    async def watch(self) -> None:
        """Look every second, and note which keys were used, until cancelled."""
        is_blind = False
        while True:
            try:
                await self._look_now()
                await self._note_uses()
            except (DependencyDownError, PyMongoError) as error:
                if not is_blind:
                    log.warning("api_keys_unknown", reason=type(error).__name__)
                is_blind = True
            else:
                is_blind = False
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Note which keys were used since the last look, if MongoDB takes it at once."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._note_uses()
        except (TimeoutError, PyMongoError) as error:
            log.warning("uses_of_keys_lost", reason=type(error).__name__)

    async def _look_now(self) -> None:
        """Return once a look succeeded that began after this call.

        Raises:
            DependencyDownError: none did.
        """
        asked_at = self._clock()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while self._seen_at < asked_at:
                    if self._looking is None or self._looking.done():
                        self._looking = asyncio.create_task(self._look())
                        self._looking.add_done_callback(_forget_failure)
                    await asyncio.shield(self._looking)
        except (TimeoutError, PyMongoError):
            raise DependencyDownError("MongoDB") from None

    async def _look(self) -> None:
        began = self._clock()
        revision = await self._keys.revision()
        if revision != self._revision or began - self._read_at > _READ_SECONDS:
            keys = await self._keys.find_all()
            is_open = self._is_local and not keys and not await self._keys.any_exists()
            self._admissions, self._revision, self._read_at = admissions(keys), revision, began
            self._tell(is_open, len(keys))
        self._seen_at = began

    def _tell(self, is_open: bool, keys: int) -> None:
        if is_open and not self._is_open:
            log.warning(
                "access_open",
                reason="no API key exists, and only this machine reaches the API",
                close="deskstream keys create",
            )
        elif not is_open and self._is_open is not False:
            log.info("access_by_key", keys=keys)
        self._is_open = is_open

    async def _note_uses(self) -> None:
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        minute = now.replace(second=0, microsecond=0)
        known = self._noted[1] if self._noted[0] == minute else set()
        used, self._used = self._used, set()
        try:
            await self._keys.note_use(used - known, minute)
        except BaseException:
            self._used |= used
            raise
        self._noted = (minute, known | used)


def _forget_failure(looking: "asyncio.Task[None]") -> None:
    """Whoever waited for the look was told; that nobody did is no news."""
    if not looking.cancelled():
        looking.exception()
