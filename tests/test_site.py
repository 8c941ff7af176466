"""The site as a stranger opens it: complete, whole, and without a word to any other machine."""

import functools
import http.server
import inspect
import os
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from IPython.display import Image

from aelib import plots

pytest.importorskip("sphinx", reason="the site needs the extra 'site'")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
GUIDES = [
    *("docs/index", "docs/reference", "README", "CHANGELOG", "CONTRIBUTING"),
    *("coursework/README", "results/README", "benchmarks/README", "benchmarks/results/table"),
    "benchmarks/results/parts",
]
# The rules of WCAG 2.1 AA. axe's own fetching of styles misses one and leaves an error in the console.
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "preload": False}
# Pictures whose sides are not in proportion as in their files.
DISTORTED = """[...document.querySelectorAll("article img")].filter(i => i.naturalHeight && i.clientHeight
    && Math.abs(i.clientWidth / i.clientHeight * i.naturalHeight / i.naturalWidth - 1) > 0.05).length"""
PAGES = [*GUIDES, *(f"notebooks/{name}" for name in NOTEBOOKS)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; a warning fails the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-q",
        "-c",
        "docs",
        "-d",
        str(folder / "doctrees"),
    ]
    command += [".", str(folder / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "site"


class _Page(HTMLParser):
    """Addresses and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.ids, self.alts = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given.get("id"), given.get("name")}
        if tag == "img":
            self.alts.append(given.get("alt") or "")
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical",) and given.get("href"):
            self.loads.append(given["href"])
        elif given.get("src"):
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def parsed(site):
    return {
        path: _Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts and "_downloads" not in path.parts
    }


def test_a_repository_gives_each_notebook_a_launch_button(site, tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-c", "docs", "-d", str(tmp_path / "doctrees")]
    command += ["-D", "include_patterns=docs/index.md,notebooks/one_run.ipynb", ".", str(tmp_path)]
    address = "https://github.com/someone/autoencoders"
    environment = {**os.environ, "AELIB_REPOSITORY_URL": address}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    page = "notebooks/one_run.html"
    launch = "https://mybinder.org/v2/gh/someone/autoencoders/main"
    with_address, without = ((folder / page).read_text("utf-8") for folder in (tmp_path, site))
    assert launch in with_address
    assert address in with_address
    assert "mybinder" not in without


def test_no_page_is_missing_or_large(site):
    assert len(NOTEBOOKS) >= 7
    for page in [*PAGES, "index", "search", "genindex"]:
        assert 100 < (site / f"{page}.html").stat().st_size < 2e6, page
    for name in NOTEBOOKS:
        text = (site / f"notebooks/{name}.html").read_text(encoding="utf-8")
        assert "_images/" in text or "data:image" in text or name in ("one_run", "first_weights")
        assert (
            site / f"_sources/notebooks/{name}.ipynb"
        ).exists()  # what the download button gives


def test_the_tables_of_the_notebooks_are_tables(site):
    for name in NOTEBOOKS:
        text = (ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8")
        cells = nbformat.reads(text, as_version=4).cells
        outputs = [out for cell in cells for out in cell.get("outputs", [])]
        tables = [out for out in outputs if "|:--" in out.get("data", {}).get("text/markdown", "")]
        page = (site / f"notebooks/{name}.html").read_text(encoding="utf-8")
        assert page.count("<table") >= len(tables), name
        assert ":——" not in page, name


def test_each_figure_of_the_notebooks_has_an_example_in_the_reference(site):
    text = (site / "docs/reference.html").read_text(encoding="utf-8")
    functions = inspect.getmembers(plots, inspect.isfunction)
    drawing = {n for n, f in functions if f.__annotations__.get("return") is Image} - {"show"}
    sources = "".join((ROOT / f"notebooks/{name}.ipynb").read_text("utf-8") for name in NOTEBOOKS)
    drawing = {name for name in drawing if f"plots.{name}(" in sources}
    assert {"images", "sheets", "error_maps"} <= drawing
    for name in drawing:
        entry = text[text.index(f'id="aelib.plots.{name}"') :]
        example = entry[: entry.index('src="data:image/png')]
        assert example.count('id="aelib.plots.') == 1, f"{name} has no example"


def test_every_link_inside_leads_somewhere(site, parsed):
    broken = []
    for path, page in parsed.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or address.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchors = parsed[target].ids if target in parsed else None
            if not target.exists() or (
                parts.fragment and anchors and unquote(parts.fragment) not in anchors
            ):
                broken.append(f"{path.relative_to(site)}: {address}")
    assert not broken


def test_each_picture_of_a_notebook_says_what_it_shows(site, parsed):
    alts = [
        alt
        for path, page in parsed.items()
        if path.parent.name == "notebooks"
        for alt in page.alts
        if "logo" not in alt
    ]
    assert len(alts) > 40
    assert not [alt for alt in alts if len(alt) < 20 or alt.endswith(".png")]


def test_nothing_is_loaded_from_elsewhere(site, parsed):
    loads = {a for page in parsed.values() for a in page.loads if re.match(r"(https?:)?//", a)}
    assert not loads


@pytest.fixture(scope="module")
def served(site):
    handler = functools.partial(_Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def watched(page):
    """A page whose requests to elsewhere are stopped, and whose faults must be none at the end."""
    faults = []

    def guard(route):
        address = urlsplit(route.request.url)
        if address.scheme in ("file", "data", "blob") or address.hostname == "127.0.0.1":
            return route.continue_()
        faults.append(route.request.url)
        return route.abort()

    page.route("**/*", guard)
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert not faults


@pytest.mark.browser
@pytest.mark.parametrize("how", ["from a folder", "over HTTP"])
def test_every_page_opens_and_fits_a_phone(how, site, served, watched):
    start = site.as_uri() if how == "from a folder" else served
    watched.set_viewport_size({"width": 390, "height": 800})
    wide, distorted = [], []
    for name in PAGES:
        watched.goto(f"{start}/{name}.html")
        assert watched.locator("article h1").first.is_visible()
        if watched.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(name)
        if watched.evaluate(DISTORTED):
            distorted.append(name)
    assert not wide
    assert not distorted
    watched.goto(f"{start}/index.html")
    watched.wait_for_url("**/docs/index.html")


@pytest.mark.browser
def test_search_finds_principal_angles(site, served, watched, browser):
    def found(page, start):
        page.goto(f"{start}/search.html?q=principal+angles")
        links = page.locator("#search-results li a")
        links.first.wait_for()
        return links.all_inner_texts()

    assert "04 · Autoencoders against PCA" in found(watched, served)
    # From a folder the browser refuses the lines around a hit, and says so in its console.
    page = browser.new_page()
    assert "04 · Autoencoders against PCA" in found(page, site.as_uri())
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_pages_are_accessible(theme, width, served, watched):
    from axe_playwright_python.sync_playwright import Axe

    watched.set_viewport_size({"width": width, "height": 800})
    for name in ("docs/index", "notebooks/04_pca_comparison", "coursework/README"):
        watched.goto(f"{served}/{name}.html")
        watched.evaluate(
            "theme => { localStorage.setItem('mode', theme); localStorage.setItem('theme', theme); }",
            theme,
        )
        watched.reload()
        assert watched.locator("html").get_attribute("data-theme") == theme
        found = Axe().run(watched, options=AXE)
        assert not found.response["violations"], f"{name}: {found.generate_report()}"
