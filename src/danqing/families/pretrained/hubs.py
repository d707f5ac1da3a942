"""Where models can be fetched from: the Hugging Face hub (or a mirror, HF_ENDPOINT), ModelScope (MODELSCOPE_ENDPOINT).

A hub says which files a model has, with size and hash, and brings one of them, going on with a part that is there.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from danqing.errors import BadInputError, DanqingError, DiskError, MissingExtraError, NotFoundError, UsageError
from danqing.families.pretrained.opening import quiet

NETWORK = "check the network, or name a mirror in HF_ENDPOINT or MODELSCOPE_ENDPOINT"


@dataclass(frozen=True)
class File:
    path: str
    size: int
    sha256: str | None
    """64 hex digits; None where the hub does not say (small files)"""
    blob: str | None = None
    """git's own hash, where there is no sha256"""


@dataclass(frozen=True)
class Listing:
    """A model at one revision."""

    repository: str
    revision: str
    """the commit"""
    licence: str
    files: tuple[File, ...]
    page: str
    """where people read the licence"""


class Hub(Protocol):
    def listing(self, repository: str, revision: str | None) -> Listing: ...

    def bring(self, listing: Listing, file: File, folder: Path) -> None:
        """`folder`/`file.path`, whole; what is there of it is gone on with."""


class HuggingFace:
    """By huggingface_hub; a token is taken from HF_TOKEN or from its login."""

    def __init__(self) -> None:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        try:
            import huggingface_hub
            import huggingface_hub.errors
            import huggingface_hub.file_download
            from huggingface_hub.utils._headers import build_hf_headers
        except ImportError:
            raise MissingExtraError("Fetching models", "sd") from None
        self.library, self.headers = huggingface_hub, build_hf_headers

    @property
    def endpoint(self) -> str:
        return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")

    def listing(self, repository: str, revision: str | None) -> Listing:
        with self.told(repository):
            found = self.library.HfApi(endpoint=self.endpoint).model_info(
                repository, revision=revision, files_metadata=True, timeout=30
            )
        files = tuple(
            File(one.rfilename, one.size or 0, one.lfs.sha256 if one.lfs else None, one.blob_id)
            for one in found.siblings or ()
        )
        card: Any = found.card_data or {}
        licence = str(card.get("license_name") or card.get("license") or "not said")
        return Listing(repository, str(found.sha), licence, files, f"{self.endpoint}/{repository}")

    def bring(self, listing: Listing, file: File, folder: Path) -> None:
        """The library's own download begins a file anew after a kill; its `http_get` goes on."""
        path = folder / file.path
        part = path.with_name(f"{path.name}.part")
        headers = {**self.headers(), "Accept-Encoding": "identity"}
        url = self.library.hf_hub_url(listing.repository, file.path, revision=listing.revision, endpoint=self.endpoint)
        with self.told(listing.repository):
            part.parent.mkdir(parents=True, exist_ok=True)
            part.touch()
            with part.open("r+b") as opened:
                begun = min(opened.seek(0, os.SEEK_END), file.size)
                opened.truncate(opened.seek(begun))
                self.library.file_download.http_get(
                    url, opened, resume_size=begun, headers=headers, expected_size=file.size, tqdm_class=silent()
                )
            part.replace(path)

    def told(self, repository: str) -> Any:
        errors = self.library.errors
        return sentences({
            errors.GatedRepoError: lambda e: UsageError(
                f"{repository} is given only to those who agreed to its licence; do so at {self.endpoint}/{repository} "
                "and give your token in HF_TOKEN."
            ),
            errors.RevisionNotFoundError: lambda e: NotFoundError(f"{repository} has no such revision; leave it out."),
            errors.RepositoryNotFoundError: lambda e: NotFoundError(
                f"There is no model {repository} at {self.endpoint}, or it is private; check its name or give HF_TOKEN."
            ),
            errors.OfflineModeIsEnabled: lambda e: NotFoundError(
                "HF_HUB_OFFLINE forbids the network; take it away to fetch a model."
            ),
            errors.HFValidationError: lambda e: UsageError(f"'{repository}' is no model's name; write hf:owner/name."),
        })  # fmt: skip


class ModelScope:
    """By modelscope_hub."""

    def __init__(self) -> None:
        try:
            import modelscope_hub
            import modelscope_hub._download
            import modelscope_hub.errors
        except ImportError:
            raise MissingExtraError("Fetching models from ModelScope", "cn") from None
        modelscope_hub._download.tqdm = silent()  # type: ignore[attr-defined]
        self.library = modelscope_hub

    @property
    def endpoint(self) -> str:
        return os.environ.get("MODELSCOPE_ENDPOINT", "https://modelscope.cn").rstrip("/")

    def hub(self) -> Any:
        return self.library.HubApi(endpoint=self.endpoint)

    def listing(self, repository: str, revision: str | None) -> Listing:
        with self.told(repository):
            hub, revision = self.hub(), revision or "master"
            found = hub.list_repo_files(repository, "model", revision=revision)
            about = hub.get_repo(repository, "model")
        files = tuple(File(one.path, one.size, one.sha256 or None) for one in found if one.type != "tree")
        licence = str(getattr(about, "license", None) or "not said")
        return Listing(repository, revision, licence, files, f"{self.endpoint}/models/{repository}")

    def bring(self, listing: Listing, file: File, folder: Path) -> None:
        with self.told(listing.repository):
            self.hub().download_file(
                listing.repository, "model", file.path, revision=listing.revision, local_dir=folder,
                expected_sha256=file.sha256, file_size=file.size,
            )  # fmt: skip

    def told(self, repository: str) -> Any:
        errors = self.library.errors
        missing = NotFoundError(f"There is no model {repository} at {self.endpoint}; check its name.")
        broken = BadInputError(f"{self.endpoint} brought another file of {repository} than it lists; try again later.")
        return sentences({errors.NotExistError: lambda e: missing, errors.FileIntegrityError: lambda e: broken})


HUBS: dict[str, Callable[[], Hub]] = {"hf": HuggingFace, "ms": ModelScope}
"""by what is written before the colon"""


class sentences:
    """What a hub's library raises, as one sentence; what is not in `known` is a lost network or a full disk."""

    def __init__(self, known: dict[type[BaseException], Callable[[BaseException], DanqingError]]) -> None:
        self.known = known
        self.silence = quiet()

    def __enter__(self) -> None:
        self.silence.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.silence.__exit__(kind, error, trace)
        if error is None or isinstance(error, DanqingError) or not isinstance(error, Exception):
            return
        for one, say in self.known.items():
            if isinstance(error, one):
                raise say(error) from None
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskError("The disk is full; free space and pull again, what is there is kept.") from None
        if isinstance(error, PermissionError):
            raise DiskError(f"{error.filename} cannot be written (no permission); set DANQING_HOME.") from None
        if isinstance(error, (TypeError, AttributeError, NameError)):
            return  # a fault of ours
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise NotFoundError(f"The hub could not be reached or broke off ({reason}); {NETWORK}.") from None


def silent() -> Any:
    """A bar of tqdm's that draws nothing: progress is told by the size of what is there."""
    from tqdm import tqdm

    class Silent(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

    return Silent


def is_right(path: Path, file: File) -> bool:
    """Whether a file has the size and the hash that its hub lists."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if file.sha256:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    return not file.blob or git_hash(path.read_bytes()) == file.blob


def git_hash(data: bytes) -> str:
    """As git names a blob: sha1 over its length and itself."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
