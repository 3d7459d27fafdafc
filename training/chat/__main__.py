"""The command."""

import sys

from training.chat.convert import main

if __name__ == "__main__":
    sys.exit(main())
