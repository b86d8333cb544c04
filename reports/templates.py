"""The HTML templates of this folder: everything put into one is escaped, and what it lacks is an error."""

from pathlib import Path

import jinja2
from markupsafe import Markup

FOLDER = Path(__file__).parent


def template(name: str) -> jinja2.Template:
    """A template by its path from this folder; in it, `asset("page.css")` is the text of a file, as it stands."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["asset"] = _asset
    return environment.get_template(name)


def _asset(name: str) -> Markup:
    return Markup((FOLDER / name).read_text(encoding="utf-8"))
