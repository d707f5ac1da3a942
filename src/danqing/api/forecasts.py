"""Which well-known pretrained models will run on this machine, and how long a picture takes."""

from danqing.data.pictures import free_memory
from danqing.families.pretrained.estimates import Estimate, estimates
from danqing.nn.precision import best_device, painting


def forecasts() -> list[Estimate]:
    """In the precision that they would be run in; takes about a second."""
    device = best_device()
    return estimates(painting(device), free_memory(), device)
