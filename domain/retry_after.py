"""How long a 429 holds everybody: what `Retry-After` says, made safe (RFC 9110, section 10.2.3)."""

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

SHORTEST: Final = 1.0
LONGEST: Final = 3600.0
_UNADVISED: Final = 5.0
_LONGEST_UNADVISED: Final = 60.0
_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_LONGEST_DATE: Final = 64


def hold_seconds(header: str | None, now: datetime, refusals: int) -> float:
    """Seconds to hold, 1 to 3,600: a number of seconds, or the time left until an HTTP date.

    What is neither is no advice: 5 s, doubled with each of the `refusals` in a row, at most 60 s.
    A moment in the past and a negative number are 1 s.
    """
    advised = _advised((header or "").strip(), now)
    if advised is None:
        return min(_LONGEST_UNADVISED, _UNADVISED * 2.0 ** max(0, min(refusals - 1, 10)))
    return min(max(advised, SHORTEST), LONGEST)


def _advised(text: str, now: datetime) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        # Reads all three forms that RFC 9110 (section 5.6.7) has recipients accept.
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return math.ceil((moment - now) / timedelta(seconds=1))
