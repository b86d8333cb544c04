"""What hatchling does when it builds: it makes the README's links whole, and no wheel from a checkout without links."""

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^]]*)\]\((?!https?:|#)([^)]+)\)")


def whole_links(text: str, repository: str) -> str:
    """Markdown whose links to files lead to the repository on GitHub, those of pictures to the files themselves."""

    def whole(link: re.Match[str]) -> str:
        mark, words, path = link.groups()
        return f"{mark}[{words}]({repository}/{'raw' if mark else 'blob'}/main/{path})"

    return LINK.sub(whole, text)


class ReadmeHook(MetadataHookInterface):
    """Gives the project its readme. Links to files of the repository would lead nowhere on a package index."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add `readme`, with the repository of the project's own `urls`."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = whole_links(text, metadata["urls"]["Repository"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


class LinksHook(BuildHookInterface):
    """Builds no wheel from a checkout without links, which would have text files in place of the kernels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise SystemExit for one; an editable installation works there (gdbench/__init__.py)."""
        if version == "standard" and not (Path(self.root) / "gdbench" / "kernels").is_dir():
            raise SystemExit(
                "gdbench/kernels is no folder: this checkout was made without links; install it with "
                "`pip install -e .`, or clone it with `git clone -c core.symlinks=true` (on Windows in developer mode)"
            )
