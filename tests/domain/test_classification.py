"""Classification by example: what each kind of wording is taken for."""

import msgspec
import pytest

from domain.labels import Labels
from domain.own_words import own_words
from infra.rules import default_classifier


def classify(message: str, subject: str = "") -> Labels:
    return default_classifier().classify(subject, message)


def rules_of(labels: Labels) -> set[str]:
    return {match.rule for match in labels.matched}


@pytest.mark.parametrize(
    "message",
    [
        "The site is down.",
        "THE   SITE\nIS\tDOWN",
        "The site’s still down!",
        "You charged my card twice.",
        "Our account was hacked.",
        "I will see you in court.",
        "It is not only slow, the whole site is down.",
        "It is not urgent, but the server is down.",
        "If you do not pay I will sue you.",
        "The site is down and never works again.",
        "Fixed, thanks, but now I have been charged twice.",
        "Le serveur est en panne.",
        "Der Server ist ausgefallen.",
        "El servidor está caído.",
        "No doubt this is fraud.",
        "The site is down. Is it fixed?",
        "The site is down. You said it was fixed.",
        "The site is down. It was fixed. Then it came back.",
        "The site is down, call us if it works again.",
    ],
)
def test_harm_that_grows_is_high_and_wants_action(message: str) -> None:
    labels = classify(message)

    assert (labels.urgency, labels.requires_action) == ("high", True)


@pytest.mark.parametrize(
    "message",
    [
        "Where is the download of the dropdown?",
        "A courtesy note about the glove.",
        "This is not urgent.",
        "No refund needed.",
        "The site isn’t down.",
        "What is your refund policy?",
        "What happens if the server goes down?",
        "How long do refunds take?",
        "Where can I read what you do about fraud?",
        "The site was down, it works again, thanks.",
        "Ce n'est pas urgent.",
        "Das ist nicht dringend.",
        "No es urgente.",
        "Mail urgent@shop.example or see https://shop.example/site/is/down",
    ],
)
def test_words_that_only_look_hot_are_low(message: str) -> None:
    assert classify(message).urgency == "low"


@pytest.mark.parametrize(
    ("message", "urgency"),
    [
        ("The export fails.", "medium"),
        ("The export fails, we need it immediately.", "high"),
        ("The export does not fail.", "low"),
        ("I would like a refund.", "medium"),
        ("I get an error when I save.", "medium"),
    ],
)
def test_defects_can_wait_a_day_unless_a_hurry_stands_beside_them(
    message: str, urgency: str
) -> None:
    assert classify(message).urgency == urgency


@pytest.mark.parametrize(
    ("message", "sentiment"),
    [
        ("I am not happy.", "negative"),
        ("I love the new editor!", "positive"),
        ("I would love to see a demo.", "neutral"),
        ("Thanks, noted.", "positive"),
        ("Thanks, could you send the file?", "neutral"),
        ("Great, the server is down again.", "negative"),
        ("Great colours, but terrible execution.", "negative"),
        ("You never disappointed us.", "neutral"),
        ("Ich bin sehr enttäuscht.", "negative"),
        ("Ich bin sehr entta\u0308uscht.", "negative"),
    ],
)
def test_sentiment_is_what_the_writer_feels(message: str, sentiment: str) -> None:
    assert classify(message).sentiment == sentiment


@pytest.mark.parametrize(
    "message",
    [
        "Noted.\n\n> The site is down.\n> It is urgent.",
        "Noted.\n\nOn Mon, 3 Nov 2025, Support wrote:\n> The site is down.",
        "Noted.\n\nOn Mon, 3 Nov 2025 at 10:12, Support <a@b.example>\nwrote:\n\nThe site is down.",
        "Noted.\r\n\r\n-----Original Message-----\r\nThe site is down.",
        "Noted.\n\nFrom: Support\nSent: Monday\n\nThe site is down.",
        "Noted.\n\n-- \nFraud Prevention, Emergency Ltd",
        "Noted.\n\nBest regards,\nLawsuit Team",
        "Noted.\n\nMit freundlichen Grüßen\nRechtsanwalt Betrug",
        "Noted.\n\nSent from my urgent phone",
    ],
)
def test_quoted_mail_and_signatures_say_nothing(message: str) -> None:
    labels = classify(message, subject="RE: FW: [#4711] Your ticket")

    assert (labels.urgency, labels.requires_action, labels.matched) == ("low", False, ())


def test_a_title_that_only_names_a_topic_is_read_with_the_message() -> None:
    assert classify("Where can I find it?", subject="GDPR").urgency == "low"
    assert classify("We need no lawyer.", subject="Lawyer").urgency == "low"
    assert classify("Please call.", subject="Lawyer").urgency == "high"


@pytest.mark.parametrize(
    "subject",
    ["RE: Hello", "Re[2]: AW:WG: Hello", "[#4711] Hello", "[Ticket 12] FW: [EXTERNAL]Hello"],
)
def test_ticket_prefixes_are_no_words_of_the_customer(subject: str) -> None:
    assert own_words(subject, "").strip() == "Hello"
    assert own_words("[URGENT] Hello", "").strip() == "[URGENT] Hello"


def test_text_below_a_quote_and_a_postscript_count() -> None:
    assert classify("On Monday, Support wrote:\n> All well?\nThe site is down.").urgency == "high"
    assert classify("All well.\n\nRegards\nKim\n\nPS: The site is down.").urgency == "high"


def test_the_evidence_stands_as_it_stood_in_the_ticket() -> None:
    labels = classify("Hello,\nour SITE’s\r\n still  DOWN.")

    assert [(match.rule, match.text) for match in labels.matched] == [
        ("outage", "SITE’s\r\n still  DOWN")
    ]


def test_the_evidence_is_short_and_led_by_the_weightiest() -> None:
    labels = classify("Terrible. " * 20 + "The site is" + " " * 200 + "down.")

    assert len(labels.matched) == 8
    assert labels.matched[0].rule == "outage"
    assert max(len(match.text) for match in labels.matched) == 80


def test_labels_survive_the_wire() -> None:
    labels = classify("My account was hacked \ud800. Everything\x00 was \ud800 deleted \ud800.")

    assert rules_of(labels) == {"intrusion"}
    assert classify("We lost \ud800 \ud800 data.").matched == ()
    assert msgspec.json.decode(msgspec.json.encode(labels), type=Labels) == labels
