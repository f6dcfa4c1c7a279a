"""Links to the rest of a list, as the `Link` header carries them (RFC 8288)."""

from urllib.parse import quote, urlencode

from fastapi import Request


def next_link(request: Request, **changed: str | int | None) -> dict[str, str]:
    """The header that leads on: this request with some parameters changed, None left out."""
    parameters = {**dict(request.query_params), **changed}
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return {"Link": f'<{quote(request.url.path)}?{query}>; rel="next"'}
