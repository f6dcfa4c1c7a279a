"""Tables for `docs/operations/metrics.md`: every metric, from the code, and every alert rule."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import yaml
from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import Metric

from api.metrics import GAUGES
from infra.process_metrics import ALL

_TABLE: Final = re.compile(r"<!-- (?P<of>[a-z ]+) -->\n.*?<!-- end -->", re.DOTALL)
_SUFFIXES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


class Exported(NamedTuple):
    """One metric as it is exported, and what it is told apart by."""

    name: str
    type: str
    labels: tuple[str, ...]
    says: str

    @property
    def samples(self) -> tuple[str, ...]:
        """The names that a query may ask for."""
        return tuple(self.name + suffix for suffix in _SUFFIXES.get(self.type, ("",)))


def of_deployment() -> list[Exported]:
    """What every API process says of all."""
    return [Exported(name, "gauge", gauge.labels, gauge.help) for name, gauge in GAUGES.items()]


def of_process() -> list[Exported]:
    """What every process says of itself."""
    own = [
        Exported(family.name, family.type, metric._labelnames, family.documentation)
        for metric in ALL
        for family in metric.describe()
    ]
    return own + [_by_prometheus(family) for family in ProcessCollector(registry=None).collect()]


def filled_in(page: str, rules: str) -> str:
    """`page` with its tables as they are today; `rules` are those of Prometheus, as YAML."""
    tables = {
        "metrics of the deployment": _metric_table(of_deployment()),
        "metrics of a process": _metric_table(of_process()),
        "rules": _rule_table(rules),
    }

    def filled(found: re.Match[str]) -> str:
        return f"<!-- {found['of']} -->\n\n{tables.pop(found['of'])}\n<!-- end -->"

    made = _TABLE.sub(filled, page)
    if tables:
        raise ValueError(f"no place for {', '.join(tables)}")
    return made


def _by_prometheus(family: Metric) -> Exported:
    return Exported(family.name, family.type, (), family.documentation.removesuffix("."))


def _metric_table(metrics: Iterable[Exported]) -> str:
    rows = ["| metric | labels | says |", "|---|---|---|"]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        name = metric.name + ("_total" if metric.type == "counter" else "")
        rows.append(f"| `{name}` ({metric.type}) | {labels} | {metric.says} |")
    return "".join(f"{row}\n" for row in rows)


def _rule_table(rules: str) -> str:
    rows = ["| rule | what to do |", "|---|---|"]
    for group in yaml.safe_load(rules)["groups"]:
        rows += [f"| {r['alert']} | {r['annotations']['runbook']} |" for r in group["rules"]]
    return "".join(f"{row}\n" for row in rows)
