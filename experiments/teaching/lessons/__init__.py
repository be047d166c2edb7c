"""Notebooks for a class, one a question; the package holds them and puts copies where they can be edited.

Core Objects: LESSONS, copy_lessons
"""

import shutil
from pathlib import Path

from experiments.command_line.sentences import UserError

LESSONS = tuple(sorted(Path(__file__).parent.glob("*.ipynb")))
"""The notebooks, in the order of a course."""


def copy_lessons(folder: Path) -> None:
    """Copy the lessons into a folder, which is made, and say how to open them.

    Raises
    ------
    UserError
        If one of them lies there already: it may have been worked on.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"FOLDER must be a folder, new or without lessons; {folder} is a file")
    for lesson in LESSONS:
        if (folder / lesson.name).exists():
            raise UserError(f"the folder must not hold a lesson yet; {folder / lesson.name} is there")
    folder.mkdir(parents=True, exist_ok=True)
    for lesson in LESSONS:
        shutil.copyfile(lesson, folder / lesson.name)
    print(f"{len(LESSONS)} lessons in {folder}; open them with: jupyter lab {folder}")
