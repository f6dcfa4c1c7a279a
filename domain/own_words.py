"""What a customer wrote: a ticket without prefixes, quoted mail and signatures."""

import re
from typing import Final

_PREFIX: Final = re.compile(
    r"\s*+(?:(?:re|fw|fwd|aw|wg|tr|rv|antw|sv)(?:\[\d++\])?+\s?+:"
    r"|\[\s?+(?:(?:ticket|case|request|incident)\s?+)?+[#:-]?+\s?+(?:[a-z]{1,5}-)?+\d++\s?+\]"
    r"|\[(?:external|extern)\]"
    r"|(?:ticket|case|request)?+\s?+#\d++\s?+:?+(?=\s|$))",
    re.IGNORECASE,
)
_ORIGINAL: Final = re.compile(
    r"(?:-{2,}|_{2,})\s?+"
    r"(?:original message|urspr[uü]ngliche nachricht|message d'origine|mensaje original)",
    re.IGNORECASE,
)
_WROTE: Final = re.compile(r"(?:wrote|schrieb.{0,80}|écrit|a écrit|escribió)\s?+:\s*+$")
_WROTE_BEGINS: Final = ("On ", "Am ", "Le ", "El ")
_HEADER_BEGINS: Final = ("From:", "Von:", "De:", "*From:*")
_HEADER_GOES_ON: Final = (
    "Sent:",
    "Date:",
    "To:",
    "Gesendet:",
    "An:",
    "Envoyé",
    "Enviado",
    "*Sent:*",
)
_SENT_FROM: Final = (
    "sent from my", "gesendet von mein", "von meinem iphone", "envoyé de mon",
    "envoyé depuis mon", "enviado desde mi", "get outlook for",
)  # fmt: skip
_SIGN_OFFS: Final = frozenset(
    (
        "best regards", "best", "kind regards", "warm regards", "regards", "best wishes",
        "sincerely", "yours sincerely", "yours faithfully", "yours truly", "sincerely yours",
        "with kind regards", "with best regards",
        "mit freundlichen grüßen", "mit freundlichen grüssen",
        "mit freundlichem gruß", "freundliche grüße", "viele grüße", "beste grüße", "liebe grüße",
        "cordialement", "bien cordialement", "bien à vous", "salutations", "sincères salutations",
        "saludos", "un saludo", "saludos cordiales", "atentamente", "un cordial saludo",
    )
)  # fmt: skip
_POSTSCRIPT: Final = ("ps:", "p.s.", "ps ", "p.s:")
_LONGEST_HEAD: Final = 300  # characters of a line that are looked at; longer lines are text

# How a line must begin for a closer look: most lines of most mails do not.
_TELLING: Final = frozenset(
    opening[:2].lower()
    for opening in ("--", "__", *_WROTE_BEGINS, *_HEADER_BEGINS, *_SENT_FROM, *_SIGN_OFFS)
)


def own_words(subject: str, message: str) -> str:
    """Return subject and message as their author wrote them, one blank line between."""
    return f"{_without_prefixes(subject)}\n\n{_without_foreign_lines(message)}"


def _without_prefixes(subject: str) -> str:
    """Cut off "RE:", "[#1234]" and their like, in any order and number."""
    start = 0
    while found := _PREFIX.match(subject, start):
        start = found.end()
    return subject[start:]


def _without_foreign_lines(message: str) -> str:
    """Blank quoted lines; drop everything from a signature or an earlier mail on."""
    lines = message.split("\n")
    kept: list[str] = []
    signed = False
    for number, line in enumerate(lines):
        head = line[:_LONGEST_HEAD].strip()
        if not signed and head[:2].lower() not in _TELLING and head[:1] != ">":
            kept.append(line)
            continue
        if head.startswith(">") or _opens_quote(head, lines, number):
            kept.append("")
            continue
        if _begins_earlier_mail(head, lines, number) or head == "--":
            break
        if signed and not head.lower().startswith(_POSTSCRIPT):
            continue
        signed = _is_sign_off(head)
        kept.append("" if signed or head.lower().startswith(_SENT_FROM) else line)
    return "\n".join(kept)


def _is_sign_off(head: str) -> bool:
    """True for a line that is nothing but a closing formula."""
    return len(head) <= 32 and head.rstrip(",.! ").lower() in _SIGN_OFFS


def _opens_quote(head: str, lines: list[str], number: int) -> bool:
    """True for "On ... wrote:" above lines that are marked as quoted."""
    if not _says_wrote(head, lines, number):
        return False
    return any(line.lstrip().startswith(">") for line in lines[number + 1 : number + 4])


def _begins_earlier_mail(head: str, lines: list[str], number: int) -> bool:
    """True where everything below is an earlier mail, marked or not."""
    if _ORIGINAL.match(head) or _says_wrote(head, lines, number):
        return True
    if not head.startswith(_HEADER_BEGINS):
        return False
    forwarded = any("orward" in line[:_LONGEST_HEAD] for line in lines[max(0, number - 2) : number])
    return not forwarded and any(
        line.strip().startswith(_HEADER_GOES_ON) for line in lines[number + 1 : number + 3]
    )


def _says_wrote(head: str, lines: list[str], number: int) -> bool:
    """True for "On ... wrote:", also when the mail program wrapped it."""
    if not head.startswith(_WROTE_BEGINS):
        return False
    if _WROTE.search(head):
        return True
    following = lines[number + 1][:_LONGEST_HEAD].strip() if number + 1 < len(lines) else ""
    return following.endswith(":") and len(following) < 80 and bool(_WROTE.search(following))
