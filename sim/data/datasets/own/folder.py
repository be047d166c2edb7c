"""A folder of images, one folder a class."""

from dataclasses import field
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import Field
from pydantic.dataclasses import dataclass

from sim.data.datasets import DATASETS
from sim.data.datasets.base import DataError, Dataset, Examples
from sim.data.datasets.own.arrays import Duplicates, Given, examples_of
from sim.data.datasets.own.digests import digest_of_files

GREY = ("1", "L", "LA")
COLOURED = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Modes of images with eight bits a channel."""
Side = Annotated[int, Field(ge=1, le=4096)]


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Folder(Dataset):
    """Images in folders that are called as their classes: ``path/cat/1.png``, ``path/dog/a.jpg``.

    They are in grey if all of them are, otherwise in red, green and blue; files that are no images are left
    out.

    Parameters
    ----------
    path : str or None
        The folder of the folders, from that of the command.
    duplicates : str
        What becomes of equal images: ``refuse``, ``drop`` all but the first, ``keep``.
    size : list of int
        Height and width to which every image is brought; empty: all have the same already (folder).
    """

    name: str = "folder"
    path: str | None = None
    duplicates: Duplicates = "refuse"
    size: Annotated[list[Side], Field(max_length=2)] = field(default_factory=list)

    def load(self) -> Examples:
        """Return the examples, [E, C, H, W] in [0, 1], in the order of their names."""
        folder, files = self._files()
        if len(self.size) == 1:
            raise DataError(f"data.dataset.size must be height and width, or empty; got {self.size}")
        modes = {_opened(file).mode for file in files}
        mode = "L" if modes <= set(GREY) else "RGB"
        images = [self._pixels(file, mode) for file in files]
        sizes = {image.shape for image in images}
        if len(sizes) > 1:
            odd = next(i for i, image in enumerate(images) if image.shape != images[0].shape)
            told = (f"{files[i].relative_to(folder)} of {images[i].shape[:2]}" for i in (0, odd))
            raise DataError(
                f"images must be of one size, or data.dataset.size=[H,W] say to which they are brought; got "
                f"{' and '.join(told)}"
            )
        pixels = np.stack(images)
        given = Given(
            inputs=pixels[:, None] if mode == "L" else np.moveaxis(pixels, 3, 1),
            labels=np.array([file.parent.name for file in files]),
            source=f"folder {self.path}",
            label="folders",
        )
        return examples_of(given, "classification", self.duplicates)

    def digest(self) -> str:
        """Return a digest of all images and their names."""
        return digest_of_files(*self._files())

    def _files(self) -> tuple[Path, list[Path]]:
        """Return the folder, and its images in order."""
        folder = Path(self.path or "").expanduser()
        if not self.path or not folder.is_dir():
            raise DataError(
                f"data.path must name a folder that holds one of images for each class, from {Path.cwd()}; "
                f"got {self.path!r}"
            )
        endings = Image.registered_extensions()
        inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        files = [
            file
            for path in inner
            for file in sorted(path.iterdir())
            if file.suffix.lower() in endings and file.is_file() and not file.name.startswith(".")
        ]
        if not files:
            raise DataError(
                f"data.path must hold a folder of images for each class; got {self.path!r} with "
                f"{len(inner)} folders and no image in them"
            )
        return folder, files

    def _pixels(self, file: Path, mode: str) -> NDArray[np.uint8]:
        """Return the pixels of an image, bytes [H, W] or [H, W, 3]."""
        try:
            image = _opened(file).convert(mode)
            if self.size:
                image = image.resize((self.size[1], self.size[0]), Image.Resampling.BILINEAR)
            return np.asarray(image, dtype=np.uint8)
        except OSError as error:
            raise _unread(file, error) from error


def _opened(file: Path) -> Image.Image:
    try:
        image = Image.open(file)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _unread(file, error) from error
    if image.mode not in (*GREY, *COLOURED):
        raise DataError(f"images must have eight bits a channel; got {file} of mode {image.mode}")
    return image


def _unread(file: Path, error: Exception) -> DataError:
    return DataError(f"images must be files that can be read; got {file} ({' '.join(str(error).split())})")
