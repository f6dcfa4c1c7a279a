"""Ages and other spans of time as operators write them: 90m, 2h, 7d."""

import re
from datetime import timedelta
from typing import Final

_AGE: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age_of(text: str) -> timedelta | None:
    """The span of time that `text` names, or None if it names none."""
    if age := _AGE.fullmatch(text.strip()):
        return timedelta(**{_UNITS[age[2]]: int(age[1])})
    return None
