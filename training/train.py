"""The command: `python -m training.train CONFIG [--set KEY=VALUE ...]`, alone or under `torchrun`.

If `out` holds a checkpoint, the same command continues it, on any number of ranks. The exit status is 0 when
done, 1 when the run failed, 2 when the configuration was refused, and 3 when SIGTERM or SIGINT stopped the
run after it had saved a checkpoint.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.checkpoint import CheckpointError
from training.data.corpus import ShardError
from training.parallel import Ranks, process_group
from training.plan import PlanError
from training.report.dry_run import describe
from training.report.pulse import Pulse
from training.run import RunFailed, Stopped, Trainer
from training.settings.checks import Refused, RunSetup, prepare
from training.watch import Signals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("config", help="YAML of the run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what the run would take, and exit")
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    parser.add_argument("--ranks", type=int, default=world_size, help="number of ranks for --dry-run")
    options = parser.parse_args(arguments)
    try:
        setup = prepare(options.config, options.overrides, options.ranks if options.dry_run else world_size)
        if options.dry_run:
            print(describe(setup, options.ranks))
            return 0
        with process_group(setup.config.watch.timeout_s) as ranks:
            train(setup, ranks)
    except (Refused, PlanError) as error:
        return _report(error, 2)
    except (ShardError, RunFailed, CheckpointError) as error:
        return _report(error, 1)
    except Stopped as error:
        return _report(error, 3)
    return 0


def _report(error: Exception, code: int) -> int:
    """Print an error on the first rank; a fault of shards, which one rank alone may meet, on any."""
    if isinstance(error, ShardError) or os.environ.get("RANK", "0") == "0":
        print(error, file=sys.stderr)
    return code


def train(setup: RunSetup, ranks: Ranks) -> dict[str, Any]:
    """Train from the newest checkpoint, or from the start, to the end of the curriculum; return the summary.

    Raises:
        RunFailed: also if another rank ended or did not answer within `timeout_s`; the message names it.
    """
    config = setup.config
    with Signals() as signals, Pulse(Path(config.out), ranks, config.watch.timeout_s) as pulse:
        try:
            return Trainer(setup, ranks, signals, pulse).train()
        except (RunFailed, ShardError, CheckpointError):
            raise
        except RuntimeError as error:  # torch raises no narrower one for a rank that does not answer
            if missing := pulse.missing_after(error):
                raise RunFailed(f"{missing}\n({error})") from error
            raise


if __name__ == "__main__":
    sys.exit(main())
