"""Imported before all else by the process that workers are forked from, which imports what they need and then forks.

It looks for no garbage, which would take a fifth of that time; nor does a worker among what it was forked with, so that
the workers go on sharing that memory.
"""

import gc
import os

gc.disable()
os.register_at_fork(before=gc.freeze, after_in_child=gc.enable)
