"""`python -m audit_chain`: see `audit_chain.cli`."""

import sys

from audit_chain.cli import main

if __name__ == "__main__":
    sys.exit(main())
