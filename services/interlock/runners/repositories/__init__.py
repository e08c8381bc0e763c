"""What git knows of a release over all its repositories: commits, authors, heads, migrations, new tests, the diff."""
