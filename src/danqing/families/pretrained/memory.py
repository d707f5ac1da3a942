"""How much memory is free here, and how much is said in words."""


def bytes_free() -> float:
    """Of working memory that programs may still take."""
    import psutil

    return float(psutil.virtual_memory().available)


def gigabytes(count: float) -> str:
    """
    >>> gigabytes(2_640_000_000), gigabytes(5_000_000)
    ('2.6 GB', '0.0 GB')
    """
    return f"{count / 1e9:,.1f} GB"
