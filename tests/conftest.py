"""What is tested ahead of its release is switched on; `test_preview.py` switches it off."""

from __future__ import annotations

import os

os.environ["DERIVANT_PREVIEW"] = "1"
