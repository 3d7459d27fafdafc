"""The command."""

import sys

from training.plan.explain import main

if __name__ == "__main__":
    sys.exit(main())
