"""For all tests: what is ahead of its release is switched on (`test_preview.py` switches it off), and Ctrl-C works.

A shell starts what it puts into the background with SIGINT ignored, and then no interrupt would ever arrive.
"""

from __future__ import annotations

import os
import signal

os.environ["DERIVANT_PREVIEW"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
