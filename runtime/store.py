"""The cache on disk as the pipeline sees it: JSON by label, object code with a manifest.

Whatever can't be read or written is computed again: a cache never makes a program fail.
"""

from __future__ import annotations
