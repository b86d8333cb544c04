"""The HTML templates of this folder: everything put into one is escaped, and what it lacks is an error."""

from pathlib import Path

import jinja2


def template(name: str) -> jinja2.Template:
    """A template by its path from this folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)
