"""Make text from a file safe to show: nothing in it acts on a terminal, a log or the order of letters.

    visible("\\x1b[31mred\\n")    # \\x1b[31mred\\n, as these very characters

Labels, titles, paths, machine names and messages come from suites, exports, baselines and stores that others may have
written. Terminal escapes, carriage returns, direction overrides and characters without width are shown as Python writes
them. Escaping for HTML, XML or Markdown is done where that format is written.
"""

import re

# Control characters (C0, C1); characters without width or that change the direction of writing; line separators; tags;
# code points that are not characters; surrogates, which stand for bytes of names that are not UTF-8. The joiners of
# emoji and of Persian are kept after such letters.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]|(?<![^\x00-\x7f])[\u200c\u200d]"
)
# What GitHub's runner takes for a command in any line of a log: `::error::`, after spaces too, and `##[error]`.
_COMMAND = re.compile(r"(?m)^([^\S\n]*:)(?=:)|(?<=#)(?=#\[)")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: object, *, lines: bool = False) -> str:
    """The text on one line. lines: keep line breaks and tabs."""
    return _UNFIT.sub(lambda found: found[0] if lines and found[0] in "\n\t" else _written(found[0]), str(text))


def inert(printed: str) -> str:
    """Printed lines, none of which is a workflow command for GitHub Actions: a backslash breaks up such commands."""
    return _COMMAND.sub(lambda found: f"{found[1] or ''}\\", printed)


def _written(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode (PEP 383)
        code -= 0xDC00
    form = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SHORT.get(character, form)
