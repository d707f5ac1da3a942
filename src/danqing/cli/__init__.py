"""The command line: `danqing COMMAND …`. Thin: it reads the words, calls Danqing, and draws what comes back."""

from danqing.cli.door import main

__all__ = ["main"]
