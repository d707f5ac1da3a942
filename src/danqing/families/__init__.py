"""Each folder here is a family (model, losses, painting, presets.toml, README) and gives it its name."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    if _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")
