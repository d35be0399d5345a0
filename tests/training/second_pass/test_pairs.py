"""Models of two folds: neither is trained on."""

from __future__ import annotations
