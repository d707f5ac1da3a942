"""Building blocks of networks, and the precision that suits this machine."""
