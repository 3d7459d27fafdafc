"""A compact pretraining loop on the shards: plain torch and numpy.

Read the files beside this one in the order train, run, step, model, parallel, optim, schedule, checkpoint,
watch, evals. Each folder can be read on its own: `settings` (the configuration), `plan` (the order of rows, a
pure function), `data` (shards, their reader and loader) and `report` (a run's dry run, files and pages).
"""

import os

# OpenMP threads that spin while they wait cost minutes on a shared machine. Torch reads this when loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
