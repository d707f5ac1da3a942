"""Is a training well? What is measured of it (vitals), and what that means (illnesses)."""

from danqing.evaluate.health.illnesses import ILLNESSES, Illness, illnesses_of, signs_of
from danqing.evaluate.health.vitals import Mirror, Vitals

__all__ = ["ILLNESSES", "Illness", "Mirror", "Vitals", "illnesses_of", "signs_of"]
