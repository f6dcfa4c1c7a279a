"""`GET /`: the page for the support team, and under `/assets/` what it is made of."""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.assets import read_assets

PAGE: Final = "index.html"
_FOLDER: Final = Path(__file__).with_name("dashboard")
_NOT_FOUND: Final = 404
# Nothing from elsewhere, nothing inline, no frame around it, and no text that becomes markup:
# Trusted Types make the browser refuse `innerHTML` and its like, whoever calls them.
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page_routes(folder: Path = _FOLDER) -> list[Route]:
    """The routes of the page; they ask nobody for anything, so it opens whatever is down.

    They take any query: the page keeps there what it shows, for bookmarks.
    """
    assets = read_assets(folder)

    async def answer(request: Request) -> Response:
        asset = assets.get(request.path_params.get("path", PAGE))
        if asset is None:
            raise HTTPException(_NOT_FOUND)
        found = asset.answer(request.headers)
        found.headers.update(_HEADERS)
        return found

    return [Route("/", answer), Route("/assets/{path:path}", answer)]
