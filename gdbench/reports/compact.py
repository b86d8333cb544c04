"""Makes a figure's SVG smaller: most of what matplotlib writes are the same styles again and again.

compact(svg, "p0-profile")
"""

import re

DECIMALS = 2  # of a coordinate, in points: finer than any screen


def compact(svg: str, name: str) -> str:
    """The same picture with styles as classes (`name`-0, ...), rounded numbers, no metadata, comments or spaces."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r">\s+<", "><", svg)
    classes: dict[str, str] = {}

    def classed(style: re.Match[str]) -> str:
        return f' class="{classes.setdefault(style[1], f"{name}-{len(classes)}")}"'

    def shortened(tag: re.Match[str]) -> str:
        words = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", tag[0])
        words = re.sub(r'^<g id="(?!mark)[^"]*"', "<g", words)  # the page's script uses the ids of marks alone
        words = re.sub(r' (?:d|x|y|transform)="[^"]*"', _short, words)
        return re.sub(r' style="([^"]*)"', classed, words)

    svg = re.sub(r"<[^>]+>", shortened, svg)
    rules = "".join(f".{each}{{{style}}}" for style, each in classes.items())
    return svg.replace("</style>", f"{rules}</style>", 1)


def _short(attribute: re.Match[str]) -> str:
    """An attribute with few decimals, and with spaces in place of line breaks."""
    rounded = re.sub(r"-?\d+\.\d{3,}(?:e-?\d+)?", lambda number: f"{float(number[0]):.{DECIMALS}f}", attribute[0])
    return re.sub(r"\s+", " ", rounded)
