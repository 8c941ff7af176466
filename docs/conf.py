"""The site: the published notebooks and the guides, as they are. Nothing is executed here."""

import html
import os
import tomllib
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parent.parent

project = "Autoencoders, from PCA to convolutions"
author = copyright = "the authors of the autoencoder tutorials"
release = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
]
# The repository is the source folder, so that links between notebooks, guides and README are links here.
root_doc = "docs/index"
include_patterns = [
    *("docs/*.md", "notebooks/*.ipynb", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("coursework/README.md", "results/README.md", "benchmarks/README.md"),
    "benchmarks/results/table.md",
    "benchmarks/results/parts.md",
]
exclude_patterns = [".*", "build", "*.egg-info", "coursework/source"]

nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # as the default, CommonMark, it has no tables
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
# `aelib.record` leaves an output that nothing is to display.
suppress_warnings = ["mystnb.unknown_mime_type"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"

html_title = "Autoencoders"
html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_favicon = "static/favicon.svg"
html_extra_path = ["start"]  # index.html, which leads to docs/index.html
html_css_files = ["site.css"]
html_show_copyright = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_toc_level": 2,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search field is in the sidebar
}
repository = os.environ.get("AELIB_REPOSITORY_URL")
if repository:
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": "main",
        "use_repository_button": True,
        # Binder installs environment.yml, and with it aelib, without which no notebook runs.
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        },
    }


class Published(SphinxDirective):
    """Shows an output as it was published: NOTEBOOK TAG, the tag being that of its cell.

    The option `code` shows the cell, too.
    """

    required_arguments = 2
    option_spec = {"code": directives.flag}

    def run(self):
        name, tag = self.arguments
        self.env.note_dependency(str(ROOT / name))
        for cell in nbformat.read(ROOT / name, as_version=4).cells:
            if tag in cell.metadata.get("tags", []):
                for output in cell.outputs:
                    shown = self.html(output.get("data", {}), output.get("metadata", {}))
                    if shown:
                        code = nodes.literal_block(cell.source, cell.source, language="python")
                        picture = nodes.raw("", shown, format="html")
                        return [code, picture] if "code" in self.options else [picture]
        raise self.error(f"{name} has no cell with the tag {tag} and an output to show")

    def html(self, data, metadata):
        """A page of its own as it is, or a picture with its alternative text."""
        if "text/html" in data:
            return data["text/html"]
        if "image/png" not in data:
            return ""
        picture, alt = data["image/png"].strip(), html.escape(metadata["image/png"]["alt"])
        return f'<img alt="{alt}" src="data:image/png;base64,{picture}">'


def name_pictures(app, doctree):
    """Gives each picture of a notebook its alternative text, which myst-nb leaves out."""
    path = ROOT / f"{app.env.docname}.ipynb"
    if not path.exists():
        return
    cells = nbformat.read(path, as_version=4).cells
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    drawn = [out for out in outputs if "image/png" in out.get("data", {})]
    shown = [
        picture
        for bundle in doctree.findall(nodes.container)
        if bundle.get("mime_type") == "image/png"
        for picture in bundle.findall(nodes.image)
    ]
    for picture, out in zip(shown, drawn, strict=True):
        picture["alt"] = out.metadata["image/png"]["alt"]


def skip_fields(app, what, name, obj, skip, options):
    """Leaves out the fields of named tuples: their classes describe them."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app):
    app.add_directive("published", Published)
    app.connect("doctree-read", name_pictures)
    app.connect("autodoc-skip-member", skip_fields)
