"""Settings as the environment of another process."""

from datetime import timedelta

from pydantic import SecretStr

from infra.settings import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make a process have these settings, secrets among them."""
    return {
        name.upper(): _text(value)
        for name, value in settings.model_dump().items()
        if value is not None
    }


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return f"{value.total_seconds()}s"
        case _:
            return str(value)
