"""What hatchling does when it builds: it makes the README's links whole."""

import re
from pathlib import Path
from typing import Any

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
