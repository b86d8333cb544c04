"""The HTML templates of this folder: values are made visible and escaped, and a missing value is an error."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gdbench.inputs.visible import visible

FOLDER = Path(__file__).parent


def template(name: str) -> jinja2.Template:
    """A template by its path from this folder; in it, `asset("page.css")` is the unchanged text of a file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    environment.globals |= {"asset": _asset, "policy": policy}
    return environment.get_template(name)


def policy(*elements: str) -> str:
    """A Content-Security-Policy that allows these `<script>` and `<style>` elements and nothing else.

    elements: HTML with such elements. Each is allowed by its hash, so that no text of a run can add one. Requests and
    forms are forbidden.
    """
    allowed: dict[str, dict[str, None]] = {"style": {}, "script": {}}  # sets that keep their order
    for element in elements:
        for kind, text in re.findall(r"(?s)<(style|script)\b[^>]*>(.*?)</\1>", element):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            allowed[kind][f"'sha256-{digest}'"] = None
    sources = "".join(f"; {kind}-src {' '.join(hashes) or repr('none')}" for kind, hashes in allowed.items())
    return f"default-src 'none'; img-src data:{sources}; base-uri 'none'; form-action 'none'"


def _shown(value: Any) -> Any:
    """Text made visible; HTML that is already safe stays as it is."""
    return visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> Markup:
    return Markup((FOLDER / name).read_text(encoding="utf-8"))
