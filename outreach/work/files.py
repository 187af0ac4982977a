"""The files that a marketer writes: Markdown, the images beside it, the workspace's layouts.

Law: a file is read once, as UTF-8, up to a limit; an image must be what its first octets say, and lie in the folder
of the text that shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..errors import InputError
from ..newsletter.layouts import LayoutSource
from ..newsletter.markdown import local_images
from .workspace import Workspace

MOST_TEXT = 1_000_000
MOST_IMAGE = 2_000_000
LAYOUT = ".html.j2"
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


@dataclass(frozen=True)
class ImageFile:
    """An image to embed."""

    name: str
    media_type: str
    data: bytes
    digest: str


def read_text(path: Path) -> str:
    """The text in `path`. Raises InputError when it is missing, no UTF-8, or too large."""
    try:
        if path.stat().st_size > MOST_TEXT:
            raise InputError("is larger than a megabyte: that is no newsletter", file=path)
        return path.read_bytes().decode("utf-8-sig")
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path, remedy="Check the path.") from None
    except UnicodeDecodeError as wrong:
        line = path.read_bytes()[: wrong.start].count(b"\n") + 1
        raise InputError("is not UTF-8 text", file=path, line=line, remedy="Save it as UTF-8.") from None


def markdown_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and the .md files in the folders named, by name. Raises InputError where one is missing."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.md"))
            if not inside:
                raise InputError("holds no .md file", file=path)
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise InputError("does not exist", file=path)
    return found


def read_layouts(workspace: Workspace, name: str, file: str, line: int | None) -> dict[str, LayoutSource]:
    """All layouts of the workspace by file name. Raises InputError unless one is called `name`."""
    folder = workspace.root / "templates" / "layouts"
    layouts = {
        path.name: LayoutSource(read_text(path), f"templates/layouts/{path.name}")
        for path in sorted(folder.glob("*.j2"))
    }
    if f"{name}{LAYOUT}" not in layouts:
        known = ", ".join(sorted(each.removesuffix(LAYOUT) for each in layouts)) or "none"
        raise InputError(
            f"template: there is no layout {name!r}",
            file=file or folder,
            line=line,
            remedy=f"Layouts in templates/layouts are: {known}.",
        )
    return layouts


def embedded_images(path: Path, body: str, line: int, file: str) -> dict[str, ImageFile]:
    """The images that a Markdown body shows from its own folder. Raises InputError with the line."""
    folder = path.resolve().parent
    return {src: _image(folder, src, file, at) for src, at in local_images(body, line)}


def _image(folder: Path, src: str, file: str, line: int) -> ImageFile:
    place = (folder / unquote(src)).resolve()
    if not place.is_relative_to(folder):
        raise InputError(f"the image {src} lies outside this folder", file=file, line=line)
    try:
        data = place.read_bytes()
    except OSError as wrong:
        raise InputError(
            f"the image {src} cannot be read: {wrong.strerror}",
            file=file,
            line=line,
            remedy=f"Put it at {place}, or give its full https:// address.",
        ) from None
    media_type = next((kind for mark, kind in _KINDS if data.startswith(mark)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        media_type = "image/webp"
    if not media_type or len(data) > MOST_IMAGE:
        why = "is larger than two megabytes" if media_type else "is no PNG, JPEG, GIF or WebP"
        raise InputError(f"the image {src} {why}", file=file, line=line)
    return ImageFile(place.name, media_type, data, hashlib.sha256(data).hexdigest()[:40])


def shown_path(workspace: Workspace, path: Path) -> str:
    """The path as a person would write it from the workspace."""
    full = path.resolve()
    return str(full.relative_to(workspace.root)) if full.is_relative_to(workspace.root) else str(path)
