"""What is made from the code: every file, and what it must hold today."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.app import create_app
from dev.contracts.asyncapi import as_yaml, asyncapi
from dev.contracts.dashboard import dashboard
from dev.contracts.event_schemas import event_schemas
from dev.contracts.metric_tables import filled_in
from infra.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
OPERATIONS: Final = ROOT / "docs" / "operations"
CONTRACTS: Final = ROOT / "docs" / "contracts"


def contract_files() -> Mapping[Path, str]:
    """The text of each file, by its path."""
    schemas = {
        CONTRACTS / "schemas" / f"{name}.json": as_json(schema)
        for name, schema in event_schemas().items()
    }
    return {
        **schemas,
        CONTRACTS / "openapi.json": as_json(create_app(Settings(_env_file=None)).openapi()),
        CONTRACTS / "asyncapi.yaml": as_yaml(asyncapi()),
        OPERATIONS / "grafana.json": as_json(dashboard()),
        OPERATIONS / "metrics.md": filled_in(
            (OPERATIONS / "metrics.md").read_text(), (OPERATIONS / "alerts.yml").read_text()
        ),
    }


def as_json(value: Any) -> str:  # noqa: ANN401 (any JSON)
    """`value` as it stands in a file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def outdated(files: Mapping[Path, str]) -> list[Path]:
    """Those that do not hold what they must, or are missing."""
    return [path for path, text in files.items() if not _holds(path, text)]


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
