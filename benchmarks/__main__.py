"""`python -m benchmarks`: measures section 14 of the contract on this machine."""

import asyncio
import json
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import psutil
import typer
from rich.console import Console

from benchmarks.alerting import alert_flood, alert_rate
from benchmarks.crawling import crawl
from benchmarks.figures import Figure, table
from benchmarks.long_crawl import long_crawl as long_crawl_figures
from benchmarks.rebuilding import rebuild as rebuild_figures
from benchmarks.throughput import changes_to_readable, raw_to_readable
from dev.engines import Engines
from dev.kafka_jars import JARS, install_jars

_CACHE_GIGABYTES = 4.0  # MongoDB's own default is half of the memory, here 11.5
_RESULTS = Path(__file__).resolve().parent / "results"


class Chosen(NamedTuple):
    """What is measured alone; nothing chosen: what takes a minute."""

    long_crawl: int
    rebuild: int
    alerts: int
    flood: bool


def main(
    scale: Annotated[float, typer.Option(help="Of every workload, for a quick look.")] = 1.0,
    long_crawl: Annotated[int, typer.Option(help="Only a crawl of so many tickets.")] = 0,
    rebuild: Annotated[int, typer.Option(help="Only a rebuild of so many events.")] = 0,
    alerts: Annotated[int, typer.Option(help="Only deliveries of so many alerts.")] = 0,
    flood: Annotated[bool, typer.Option("--flood", help="Only a flood of alerts.")] = False,
    keep: Annotated[bool, typer.Option(help="Write the results file.")] = True,
) -> None:
    """Measure, print a table, and keep the figures as JSON."""
    install_jars(JARS)
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as directory:
        root = Path(directory)
        # With 1 GB, changes that wait to be written fill a fifth of it, and everybody writes them.
        with Engines.local(root / "engines", cache_gigabytes=_CACHE_GIGABYTES) as engines:
            chosen = Chosen(long_crawl, rebuild, alerts, flood)
            figures = asyncio.run(_measure(engines, root, scale, chosen))
    Console().print(table(figures))
    if keep:
        typer.echo(f"kept in {_keep(figures, scale)}")


async def _measure(engines: Engines, logs: Path, scale: float, chosen: Chosen) -> list[Figure]:
    if chosen.long_crawl:
        return await long_crawl_figures(engines, logs, chosen.long_crawl)
    if chosen.rebuild:
        return await rebuild_figures(engines, logs, chosen.rebuild)
    if chosen.alerts:
        return await alert_rate(engines, logs, chosen.alerts)
    if chosen.flood:
        return await alert_flood(engines, logs)
    return [
        await raw_to_readable(engines, logs, int(40_000 * scale)),
        await changes_to_readable(engines, logs, int(100_000 * scale)),
        *await crawl(engines, logs, int(10_000 * scale)),
    ]


def _keep(figures: list[Figure], scale: float) -> Path:
    now = datetime.now(UTC)
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
    }
    result = {
        "at": now.isoformat(timespec="seconds"),
        "machine": machine,
        "scale": scale,
        "figures": [figure.as_json() for figure in figures],
    }
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path.relative_to(_RESULTS.parent.parent)


if __name__ == "__main__":
    typer.run(main)
