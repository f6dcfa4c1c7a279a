"""Entity tags (RFC 9110, section 8.8.3): a name for the bytes of an answer, and its comparison."""

import hashlib
import re
from typing import Final

_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_ANY: Final = "*"


def strong_tag(content: bytes) -> str:
    """The tag of exactly these bytes."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def weak_tag(content: bytes) -> str:
    """The tag of all answers that mean what these bytes mean."""
    return f"W/{strong_tag(content)}"


def is_known(if_none_match: str, tag: str) -> bool:
    """True if the caller has it: `*`, or a tag of the list that compares weakly (13.1.2)."""
    if if_none_match.strip() == _ANY:
        return True
    return tag.removeprefix("W/") in _TAG.findall(if_none_match)
