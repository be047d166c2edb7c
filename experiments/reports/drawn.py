"""Figures as files."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Drawn:
    """A figure on disk: its name, title and caption, and its files (no `pdf` unless that was asked for)."""

    name: str
    title: str
    caption: str
    png: Path
    svg: Path
    pdf: Path | None = None

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [path for path in (self.png, self.svg, self.pdf) if path is not None]
