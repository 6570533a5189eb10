"""What a program is, and how it becomes machine code."""

import time

STARTED = time.time()
"""When the package was imported: a file that is younger may have been edited since it was."""
