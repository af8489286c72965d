"""Private package repositories in Poetry, without the pain."""

from __future__ import annotations

__version__ = "0.1.0"
