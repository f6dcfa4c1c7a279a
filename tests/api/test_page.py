"""The page as it is served: whatever is down, under a policy that lets nothing else in."""

import gzip
import hashlib
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from setuptools import Distribution

import api
from api.app import create_app
from infra.settings import Settings

FOLDER = Path(api.__file__).parent / "dashboard"
ROOT = FOLDER.parents[1]
OWN_SCRIPTS = sorted(path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts)
LONGEST = 200  # lines
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|DOMParser|\beval\("
    r"|new Function|createContextualFragment|srcdoc|\"style\""
)
IMPORT = re.compile(r'^import .*? from "(\.[^"]+)";', re.MULTILINE | re.DOTALL)
COLOUR = re.compile(r"--([a-z-]+): #([0-9a-f]{6});")
# Which text stands on which ground, by their names in `colours.css`.
PAIRS = [
    *((text, ground) for text in ("text", "muted", "accent") for ground in ("surface", "ground")),
    *((text, "raised") for text in ("text", "muted")),
    *((kind, f"{kind}-ground") for kind in ("high", "medium", "good")),
    *((kind, "surface") for kind in ("high", "medium", "low", "good")),
    ("medium", "ground"),
    ("on-accent", "accent"),
    ("on-mark", "mark"),
]


async def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """An answer of an application that is not started: nothing it depends on is there."""
    app = create_app(Settings(_env_file=None))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers={"Accept-Encoding": "", **names})


async def test_the_page_opens_whatever_is_down_and_lets_nothing_else_in() -> None:
    answer = await ask("/?tenant=acme&range=7d")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'self'" in policy
    assert {"base-uri 'none'", "frame-ancestors 'none'", "trusted-types 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", sorted(p.relative_to(FOLDER).as_posix() for p in OWN_SCRIPTS))
async def test_every_script_is_served_as_one(path: str) -> None:
    answer = await ask(f"/assets/{path}")

    assert (answer.status_code, answer.content) == (200, (FOLDER / path).read_bytes())
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_who_has_a_file_is_told_so_and_a_vendored_one_is_kept_for_ever() -> None:
    path = "/assets/vendor/chart.js-4.6.1/chart.umd.min.js"
    first = await ask(path)

    again = await ask(path, If_None_Match=first.headers["ETag"])

    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (again.status_code, again.content) == (304, b"")
    assert (await ask(path, If_None_Match='"another"')).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip, br", True), ("br;q=1, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip;q=0.0", False),
     ("br", False), ("", False)],
)  # fmt: skip
async def test_files_are_packed_for_those_who_can_unpack(accepted: str, is_packed: bool) -> None:
    app = create_app(Settings(_env_file=None))
    transport = httpx.ASGITransport(app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
        client.stream("GET", "/assets/main.js", headers={"Accept-Encoding": accepted}) as answer,
    ):
        sent = b"".join([part async for part in answer.aiter_raw()])

    plain = (FOLDER / "main.js").read_bytes()
    assert ("Content-Encoding" in answer.headers) == is_packed
    assert (gzip.decompress(sent) if is_packed else sent) == plain
    assert int(answer.headers["Content-Length"]) == len(sent)
    assert answer.headers["Vary"] == "Accept-Encoding"


async def test_tags_of_packed_and_plain_differ_as_their_bytes_do() -> None:
    plain, packed = await ask("/"), await ask("/", Accept_Encoding="gzip")

    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert (await ask("/", "HEAD")).headers["ETag"] == plain.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    ["/assets/", "/assets/absent.js", "/assets/../page.py", "/assets/%2e%2e/page.py",
     "/assets/..%2fpage.py", "/assets/%00", "/assets//etc/passwd", "/assets/" + "x" * 5000,
     "/assets/panels"],
)  # fmt: skip
async def test_only_files_of_the_page_are_served(path: str) -> None:
    answer = await ask(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_the_page_is_only_read() -> None:
    assert (await ask("/", "POST")).status_code == 405


def test_the_openapi_document_is_about_the_api() -> None:
    paths = create_app(Settings(_env_file=None)).openapi()["paths"]

    assert not [path for path in paths if path == "/" or path.startswith("/assets")]


@pytest.mark.parametrize("folder", [FOLDER, ROOT / "tests/browser"], ids=["page", "tests"])
def test_vendored_files_are_what_their_authors_published(folder: Path) -> None:
    notice = tomllib.loads((folder / "NOTICE.toml").read_text())
    told = {path: file for package in notice["package"] for path, file in package["files"].items()}
    there = {path for path in folder.rglob("vendor/**/*") if path.is_file()}

    assert {folder / path for path in told} == there
    for path, file in told.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == file["sha256"], path


def test_a_wheel_has_every_file_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    distribution = Distribution()
    distribution.parse_config_files()
    build: Any = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    build.manifest_files = {}  # what is left out of the lists is not in the wheel

    packed = {Path(name) for name in build.find_data_files("api", "api")}

    assert {p.relative_to(ROOT) for p in FOLDER.rglob("*") if p.is_file()} == {
        name for name in packed if name.is_relative_to("api/dashboard")
    }


class Markup(HTMLParser):
    """What the page refers to, and what in it would need a weaker policy."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.references += [v for n, v in attrs if n in ("src", "href") and v]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


def test_the_page_refers_to_its_own_files_and_has_nothing_inline() -> None:
    markup = Markup()
    markup.feed((FOLDER / "index.html").read_text())
    files = [reference for reference in markup.references if reference.startswith("assets/")]

    assert markup.inline == []
    assert set(markup.references) - set(files) <= {"#content", "docs"}
    assert [name for name in files if not (FOLDER / name.removeprefix("assets/")).is_file()] == []


def test_every_script_is_reached_from_the_first_one() -> None:
    reached: set[Path] = set()
    left = [FOLDER / "main.js"]
    while left:
        script = left.pop()
        if script not in reached:
            reached.add(script)
            names = IMPORT.findall(script.read_text())
            left += [(script.parent / name).resolve() for name in names]

    assert reached == set(OWN_SCRIPTS)


@pytest.mark.parametrize("script", OWN_SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_its_job_is_short_and_makes_no_markup(script: Path) -> None:
    text = script.read_text()

    assert text.startswith("// ")
    assert text.splitlines()[0].endswith(".")
    assert len(text.splitlines()) <= LONGEST
    assert MARKUP.findall(text) == []


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(theme: str) -> None:
    light, dark = (FOLDER / "colours.css").read_text().split("@media")
    colours = dict(COLOUR.findall(light))
    if theme == "dark":
        colours |= dict(COLOUR.findall(dark))

    measured = {pair: contrast(*(colours[name] for name in pair)) for pair in PAIRS}

    assert {pair: ratio for pair, ratio in measured.items() if ratio < 4.5} == {}
    assert contrast(colours["edge"], colours["surface"]) >= 3  # of what one presses
