"""The configuration of a run: its sections, read from YAML, and what a size derives.

`checks` stands apart: it opens shards and checkpoints to hold a configuration against them.
"""

from training.settings.config import Config, Phase, read_config
from training.settings.sections import (
    AdamWConfig,
    CacheConfig,
    CheckpointConfig,
    EvalsConfig,
    ModelConfig,
    OptimizerConfig,
    WatchConfig,
)

__all__ = [
    "AdamWConfig",
    "CacheConfig",
    "CheckpointConfig",
    "Config",
    "EvalsConfig",
    "ModelConfig",
    "OptimizerConfig",
    "Phase",
    "WatchConfig",
    "read_config",
]
