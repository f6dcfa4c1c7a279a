"""Statistics the naive way: every ticket looked at, in Python."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from domain.stop_words import STOP_WORDS
from infra.mongo import Document


def recount(tickets: Sequence[Document], begin: datetime | None, end: datetime | None) -> Document:
    """The same figures, the naive way."""
    live = [
        t
        for t in tickets
        if t["deleted_at"] is None
        and (begin is None or t["created_at"] >= begin)
        and (end is None or t["created_at"] < end)
    ]
    urgencies = Counter(t["urgency"] for t in live)
    sentiments = Counter(t["sentiment"] for t in live)
    return {
        "total_tickets": len(live),
        "by_status": dict(Counter(t["status"] for t in live)),
        "by_urgency": {label: urgencies[label] for label in ("high", "medium", "low")},
        "by_sentiment": {label: sentiments[label] for label in ("negative", "neutral", "positive")},
        "urgency_high_ratio": round(urgencies["high"] / len(live), 4) if live else 0,
        "negative_sentiment_ratio": round(sentiments["negative"] / len(live), 4) if live else 0,
        "requires_action_count": sum(t["requires_action"] for t in live),
        "top_keywords": keywords(live),
        "at_risk_customers": at_risk(live),
    }


def keywords(live: Sequence[Document]) -> list[Document]:
    found: Counter[str] = Counter()
    for t in live:
        text = unicodedata.normalize("NFC", f"{t['subject']} {t['message']}").lower()
        found.update({word for word in re.findall(r"[^\W\d_]+", text) if len(word) >= 3})
    ranked = [(-n, word) for word, n in found.items() if word not in STOP_WORDS]
    return [{"keyword": word, "count": -n} for n, word in sorted(ranked)[:10]]


def at_risk(live: Sequence[Document]) -> list[Document]:
    opened: dict[str, list[Document]] = {}
    for t in live:
        if t["status"] not in {"resolved", "closed"} and t["customer_id"] is not None:
            opened.setdefault(t["customer_id"], []).append(t)
    rows = [
        {
            "customer_id": customer_id,
            "open_high": sum(t["urgency"] == "high" for t in some),
            "open_negative": sum(t["sentiment"] == "negative" for t in some),
            "open_total": len(some),
        }
        for customer_id, some in opened.items()
    ]
    risky = [row for row in rows if row["open_high"] or row["open_negative"]]
    counts = ("open_high", "open_negative", "open_total")
    return sorted(risky, key=lambda r: (*(-r[c] for c in counts), r["customer_id"]))[:10]
