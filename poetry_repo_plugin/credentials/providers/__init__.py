"""Cloud vendors whose own command line tools hand out credentials."""
