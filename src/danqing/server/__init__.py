"""Danqing over HTTP: takes jobs, tells how far they are, hands out pictures. It loads no model; workers do."""
