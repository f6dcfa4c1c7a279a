"""Dashboard and alert rules ask for what is exported, and for nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.contracts.files import OPERATIONS
from dev.contracts.metric_tables import filled_in, of_deployment, of_process
from infra.process_metrics import ALL, process_registry

ASKED = re.compile(r"\b(?:deskstream|process)_\w+")
EXPORTED = {sample for metric in of_deployment() + of_process() for sample in metric.samples}
UNSEEN = {"process_virtual_memory_bytes", "process_start_time_seconds", "process_max_fds"}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((OPERATIONS / "grafana.json").read_text())["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((OPERATIONS / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries() -> list[str]:
    of_panels = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    return of_panels + [rule["expr"] for rule in rules()]


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_what_is_exported(query: str) -> None:
    asked = set(ASKED.findall(query))

    assert asked
    assert asked <= EXPORTED


def test_what_is_exported_is_shown_somewhere() -> None:
    asked = {name for query in queries() for name in ASKED.findall(query)}

    unseen = {
        metric.name
        for metric in of_deployment() + of_process()
        if not asked.intersection(metric.samples)
    }
    assert unseen == UNSEEN


def test_every_metric_of_a_process_is_known() -> None:
    families = {family.name for family in process_registry().collect()}

    known = {family.name for metric in ALL for family in metric.describe()}
    assert {name for name in families if name.startswith("deskstream")} == known


def test_no_label_is_of_many_values() -> None:
    labels = {label for metric in of_deployment() + of_process() for label in metric.labels}

    assert labels <= {
        *("consumer", "topic", "partition", "dependency", "phase", "state", "circuit"),
        *("reason", "origin", "outcome", "method", "route", "status"),
    }


def test_panels_stand_in_rows_and_beside_each_other() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert rows == [
        *("Pipeline lag", "Rates", "Latencies", "Ingestion", "Alerts"),
        *("Circuit breakers", "Processes"),
    ]
    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in panels()}) == len(panels())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "runbook"}


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for metrics of a process"):
        filled_in(
            "<!-- metrics of the deployment -->\n<!-- end -->\n<!-- rules -->\n<!-- end -->",
            Path(OPERATIONS / "alerts.yml").read_text(),
        )
