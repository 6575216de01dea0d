"""What organisations hand each other: disclosed bundles, and evidence put on the shared chain."""
