"""The commands of `dt`, a module for each word; imported only when one is given."""
