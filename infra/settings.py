"""Settings from the environment or `.env`, checked once, at the start."""

import re
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import SettingsConfigDict
from pymongo.errors import InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from domain.api_keys import PREFIX, is_well_formed
from domain.errors import DeskstreamError
from infra.kafka_security import KafkaAccess, objection

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNSHOWN = {"mongodb_uri", "notify_url", "kafka_sasl_password"}
_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> object:
    """`7d`, `90m`, `45`: a number of seconds unless a unit follows."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    return value


def _mongodb_uri(value: str) -> str:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("begins with mongodb:// or mongodb+srv://")
    if value.startswith("mongodb://"):  # the other one is completed by DNS, when it is used
        _check_options(value)
    return value


def _check_options(uri: str) -> None:
    """Refuse what the driver would, or would pass over: a `tls=yes` is no TLS."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parse_uri(uri)
    except InvalidURI:  # its message may hold a part of the password
        raise ValueError("is no address; user and password are percent-encoded") from None
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    except (PyMongoError, UserWarning) as error:
        raise ValueError(str(error)) from None


def _http_url(value: str) -> str:
    if not re.match(r"https?://[^/\s]+", value):
        raise ValueError("begins with http:// or https:// and names a host")
    try:
        urlsplit(value).port  # noqa: B018 (reading it is what checks it)
    except ValueError:
        raise ValueError("is no address: host or port is wrong") from None
    return value.rstrip("/")


def _api_key(value: str) -> str:
    if not is_well_formed(value):
        raise ValueError(f"is no key: {PREFIX} and 49 letters and digits, the last 6 a checksum")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
HttpAddress = Annotated[str, AfterValidator(_http_url)]
Prefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")]


class SettingsError(DeskstreamError):
    """A setting has a wrong value: one line names it and what it may be."""


class Settings(KafkaAccess):
    """Every setting of section 3 of the contract; times in seconds unless a unit is given."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    kafka_bootstrap_servers: Annotated[str, Field(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")] = (
        "127.0.0.1:19092"
    )
    kafka_partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    kafka_topic_prefix: Prefix = ""
    kafka_replication: Annotated[int, Field(ge=1, le=16)] = 1
    mongodb_uri: Annotated[SecretStr, Field(validate_default=True)] = SecretStr(
        "mongodb://127.0.0.1:27117/?replicaSet=rs0"
    )
    mongodb_database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$")] = "deskstream"
    helpdesk_url: HttpAddress = "http://127.0.0.1:9000"
    helpdesk_rate_limit: Annotated[int, Field(ge=0)] = 60
    helpdesk_rate_period: Annotated[float, Field(gt=0)] = 60.0
    helpdesk_timeout: Annotated[float, Field(gt=0, le=300)] = 10.0
    ingest_max_delete_percent: Annotated[float, Field(ge=0, le=100)] = 20.0
    notify_url: SecretStr | None = None  # None: HELPDESK_URL/notify
    notify_timeout: Annotated[float, Field(gt=0, le=300)] = 10.0
    lease_seconds: Annotated[float, Field(ge=1)] = 60.0
    alert_max_age: Duration = timedelta(days=7)
    alert_concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    breaker_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    breaker_window: Annotated[int, Field(ge=1, le=1000, validate_default=True)] = 10
    breaker_open_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0  # 0: no page
    deskstream_api_key: SecretStr | None = None  # what commands send to the API
    otel_exporter_otlp_endpoint: HttpAddress | None = None  # None: no traces
    otel_exporter_otlp_headers: SecretStr | None = None
    otel_traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = 1.0  # the share of traces sent
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @field_validator("breaker_window")
    @classmethod
    def _window_holds_the_failures(cls, window: int, others: ValidationInfo) -> int:
        if window < (failures := others.data.get("breaker_failures", window)):
            raise ValueError(f"is at least BREAKER_FAILURES, which is {failures}")
        return window

    @property
    def notify_to(self) -> str:
        """Where alerts are sent; it may hold a secret."""
        own = self.notify_url
        return f"{self.helpdesk_url}/notify" if own is None else own.get_secret_value()

    @property
    def call_lease_seconds(self) -> float:
        """How long an alert is one process's: the longest call, and as long to note its end."""
        return 2 * self.notify_timeout

    def topic(self, name: str) -> str:
        """The name of a topic, or of a consumer group, in this deployment."""
        return self.kafka_topic_prefix + name


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: a value is wrong.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(dict(e)) for e in error.errors())) from None
    _check_secret("MONGODB_URI", _mongodb_uri, settings.mongodb_uri)
    if settings.notify_url is not None:
        _check_secret("NOTIFY_URL", _http_url, settings.notify_url)
    if (reason := objection(settings)) is not None:
        raise SettingsError(reason)
    if settings.deskstream_api_key is not None:
        _check_secret("DESKSTREAM_API_KEY", _api_key, settings.deskstream_api_key)
    return settings


def _check_secret(name: str, check: Callable[[str], object], value: SecretStr) -> None:
    """Refuse a wrong value without showing it."""
    try:
        check(value.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def _sentence(error: dict[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "settings"
    shown = "" if name in _UNSHOWN else f"={error['input']!r}"
    return f"{name.upper()}{shown}: {error['msg']}"
