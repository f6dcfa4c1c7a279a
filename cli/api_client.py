"""The API as the command line calls it; a moment without an answer is no failure."""

import time
from collections.abc import Callable
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from domain.errors import DeskstreamError, TenantBusyError
from infra.settings import Settings

_PATIENCE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.5


class ApiError(DeskstreamError):
    """The API cannot be reached, or refused what it was asked."""


class ApiClient:
    """Calls the API at `url`, with a key if there is one.

    `pause` waits between attempts, in seconds; what it raises ends the call.
    """

    def __init__(
        self,
        url: str,
        key: SecretStr | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.pause = pause
        self._has_key = key is not None
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        self._http = httpx.Client(base_url=self.url, timeout=10.0, trust_env=False, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def start_run(self, tenant_id: str, *, confirm_deletions: bool = False) -> str:
        """Start a run of a tenant, or of `*`; return its job id.

        Raises:
            TenantBusyError: a run is on.
            ApiError: there is no API, or it refused.
        """
        wanted = {"tenant_id": tenant_id}
        if confirm_deletions:
            wanted["confirm_deletions"] = "true"
        answer = self._sent("POST", "/ingest/run", wanted)
        if answer.status_code == httpx.codes.CONFLICT:
            raise TenantBusyError(tenant_id, _problem(answer).get("job_id"))
        return str(self._checked(answer)["job_id"])

    def stop_run(self, job_id: str) -> dict[str, Any]:
        """Stop a run; return its progress: ended, or about to.

        Raises:
            ApiError: there is no API, no such run, or it cannot be stopped any more.
        """
        return self._checked(self._sent("DELETE", f"/ingest/{quote(job_id, safe='')}", {}))

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """The answer of a route; while the API is away or not ready, ask again for 30 seconds."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.get(path, params=parameters)
            except httpx.HTTPError as error:
                if time.monotonic() > give_up:
                    raise self._unreachable(error) from error
            else:
                away = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
                if not away or time.monotonic() > give_up:
                    return self._checked(answer)
            self.pause(_PAUSE_SECONDS)

    def _sent(self, method: str, path: str, parameters: dict[str, str]) -> httpx.Response:
        try:
            return self._http.request(method, path, params=parameters)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _checked(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_success:
            body: dict[str, Any] = answer.json()
            return body
        detail = _problem(answer).get("detail", answer.reason_phrase)
        said = f"{self.url}{answer.url.path} answered {answer.status_code}: {detail}"
        raise ApiError(said + self._advice(answer.status_code))

    def _advice(self, status: int) -> str:
        """What to do about a key that is missing or not good for what was asked."""
        if status not in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return ""
        if self._has_key:
            return "; DESKSTREAM_API_KEY holds the key that was sent, `deskstream keys list` tells"
        return "; set DESKSTREAM_API_KEY to a key, `deskstream keys create` makes one"

    def _unreachable(self, error: httpx.HTTPError) -> ApiError:
        return ApiError(f"{self.url} cannot be reached: {str(error) or type(error).__name__}")


def url_of(settings: Settings) -> str:
    """Where the API of these settings can be called from this machine."""
    anywhere = settings.api_host in {"0.0.0.0", "::"}  # noqa: S104 (compared, not bound)
    host = "127.0.0.1" if anywhere else settings.api_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
