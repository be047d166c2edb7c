"""Tasks: what is right, and by how much answers miss it."""

from agents.learning.tasks.base import Task
from agents.learning.tasks.classification import Classification
from agents.learning.tasks.next_token import NextToken
from agents.learning.tasks.regression import Regression

TASKS: dict[str, type[Task]] = {kind.name: kind for kind in (Classification, NextToken, Regression)}
"""Kinds of tasks by name."""

__all__ = ["TASKS", "Classification", "NextToken", "Regression", "Task"]
