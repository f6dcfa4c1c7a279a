"""Settings as one of the roles that Kafka knows, and what comes of using them."""

from collections.abc import Mapping
from typing import Any

from dev.secure_engines import SecureEngines
from infra.settings import Settings

DATABASE = "secured"


def settings_of(engines: SecureEngines, role: str, **changes: Any) -> Settings:
    """The settings of a process in this role; what is changed may be None for nothing."""
    named = {name.lower(): value for name, value in engines.environment(role).items()}
    return Settings(
        _env_file=None,
        mongodb_database=DATABASE,
        kafka_partitions=2,
        helpdesk_rate_limit=0,
        **(named | changes),
    )


def environment_in(engines: SecureEngines, role: str, **changes: str) -> Mapping[str, str]:
    """The same as the environment of a command, with a few partitions."""
    base = {"MONGODB_DATABASE": DATABASE, "KAFKA_PARTITIONS": "2", "HELPDESK_RATE_LIMIT": "0"}
    return engines.environment(role) | base | changes
