"""A compact pretraining loop on the shards: plain torch and numpy, readable top to bottom.

`config` what is asked for; `plan` and `order` the order of rows, a pure function; `shards` rows from disk,
verified; `loader` a reading thread; `model`, `parallel` (FSDP2), `optim`, `checkpoint`; `watch` what stands
out; `record` what a run leaves; `explain` a batch's documents; and `train`, the loop.
"""
