"""Words that every package shares: errors, secrets, origins, names, known servers."""
