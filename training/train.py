"""The command: `python -m training.train CONFIG [--set KEY=VALUE ...]`, alone or under `torchrun`.

The same command on a directory that holds a checkpoint continues it, on any number of ranks. It exits with
0 when done, 1 when the run failed, 2 when the request was wrong, and 3 when SIGTERM or SIGINT stopped it
after it had saved: the same command continues.
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
from training.parallel import Ranks, ranks
from training.plan import PlanError
from training.report.dry_run import describe
from training.report.pulse import Pulse
from training.run import Run, RunFailed, Stopped
from training.settings.checks import Refused, Request, prepare
from training.watch import Signals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--dry-run", action="store_true", help="say what the run comes to, and end")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    parser.add_argument("--ranks", type=int, default=count, help="of a dry run; torchrun says it otherwise")
    line = parser.parse_args(arguments)
    try:
        request = prepare(line.config, line.overrides, line.ranks if line.dry_run else count)
        if line.dry_run:
            print(describe(request, line.ranks))
            return 0
        with ranks(request.config.watch.timeout_s) as place:
            train(request, place)
    except (Refused, PlanError) as error:
        return _tell(error, 2)
    except (ShardError, RunFailed, CheckpointError) as error:
        return _tell(error, 1)
    except Stopped as error:
        return _tell(error, 3)
    return 0


def _tell(error: Exception, code: int) -> int:
    """Print an error: what every rank finds from the first rank alone, a fault of the shards from each."""
    if isinstance(error, ShardError) or os.environ.get("RANK", "0") == "0":
        print(error, file=sys.stderr)
    return code


def train(request: Request, place: Ranks) -> dict[str, Any]:
    """Train from the newest checkpoint, or from nothing, to the end of the curriculum; return the summary.

    Raises:
        RunFailed: also where another rank ended or did not come within `timeout_s`, with its name.
    """
    asked = request.config
    with Signals() as signals, Pulse(Path(asked.out), place, asked.watch.timeout_s) as pulse:
        try:
            return Run(request, place, signals, pulse).go()
        except (RunFailed, ShardError, CheckpointError):
            raise
        except RuntimeError as error:  # torch raises no narrower one for a rank that does not answer
            if missing := pulse.missing_after(error):
                raise RunFailed(f"{missing}\n({error})") from error
            raise


if __name__ == "__main__":
    sys.exit(main())
