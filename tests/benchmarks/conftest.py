"""`benchmarks` is no part of the package: its tests find it beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
