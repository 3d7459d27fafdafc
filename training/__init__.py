"""A compact pretraining loop on the shards: plain torch and numpy.

The trainer is the files beside this one, to be read in the order train, run, step, model, parallel, optim,
checkpoint, watch, evals. What can be read on its own is in folders: `settings` (the configuration), `plan`
(the order of rows, a pure function), `data` (shards, their reader and loader) and `report` (what a run says
before, during and after it).
"""

import os

# Threads that spin while they wait for each other cost minutes where others compute too; torch, when it is
# loaded, reads this.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
