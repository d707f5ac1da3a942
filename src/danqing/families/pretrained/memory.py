"""How much memory is free here, and how much is said in words."""

from danqing.data.pictures import free_memory


def bytes_free() -> float:
    """Of working memory that programs may still take; infinite where the system does not say."""
    found = free_memory()
    return float("inf") if found is None else float(found)


def gigabytes(count: float) -> str:
    """
    >>> gigabytes(2_640_000_000), gigabytes(5_000_000)
    ('2.6 GB', '0.0 GB')
    """
    return f"{count / 1e9:,.1f} GB"
