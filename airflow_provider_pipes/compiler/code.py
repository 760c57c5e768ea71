"""The code of a pipeline: the closure of each step, and the snapshot of them all."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from airflow_provider_pipes.compiler.closure import Closure, ClosureIndex
from airflow_provider_pipes.compiler.memo import keep_verified, verified_codes
from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.compiler.snapshot import Snapshot, build_snapshot
from airflow_provider_pipes.compiler.verify import verify_snapshot
from airflow_provider_pipes.errors import SnapshotError
from airflow_provider_pipes.models.canonical import content_hash
from airflow_provider_pipes.models.deployment import CodeSpec
from airflow_provider_pipes.runtime.snapshot import contents_hash


@dataclass
class ProjectCode:
    """The code of one compilation.

    Args:
        layout: The project.
        memo: File that keeps what was parsed from one compilation to the next.
    """

    layout: ProjectLayout
    memo: Path | None = None
    files: set[str] = field(default_factory=set)
    modules: list[str] = field(default_factory=list)
    _verified: bool = field(default=False, init=False)

    @cached_property
    def index(self) -> ClosureIndex:
        """The closures."""
        return ClosureIndex(self.layout, self.memo)

    def hashes(
        self, modules: Iterable[str], include: Sequence[str], problems: list[str], warnings: list[str]
    ) -> dict[str, str]:
        """Return what the cache key holds of the code of each module, and gather it all for the snapshot.

        A module that imports by a computed name may reach any file that travels with it, so its hash
        covers the whole snapshot.
        """
        self.modules = list(modules)
        inclusion = self.index.include(include)
        problems += inclusion.problems
        closures = {module: self.index.closure(module, inclusion.files) for module in self.modules}
        for closure in closures.values():
            self.files.update(closure.files)
            problems += closure.problems
            warnings += (
                f"{place}: imports a name that is computed, so any change of the pipeline's code runs the "
                "steps that reach it again; list what it imports in include=[…], or import it by its name"
                for place in closure.dynamic
            )
        return {module: self._hash(module, closure) for module, closure in closures.items()}

    def keep_memo(self) -> None:
        """Write the memo; not done by ``hashes``, since a command that fails or only looks writes nothing."""
        self.index.save()
        if self._verified and self.memo is not None:
            keep_verified(self.memo, self.hash)

    def _hash(self, module: str, closure: Closure) -> str:
        if not self.index.holds(module):
            return content_hash({"installed": module, "version": _installed_version(module)})
        return self.hash if closure.dynamic else closure.hash

    @cached_property
    def hash(self) -> str:
        """The hash of the snapshot; ask for it after ``hashes``."""
        return contents_hash(self.index.digests(sorted(self.files)).items())

    @property
    def spec(self) -> CodeSpec:
        """The snapshot as the deployment names it."""
        roots = [root for root in self.layout.roots if self._used(root)]
        return CodeSpec(hash=self.hash, roots=tuple(roots))

    def _used(self, root: str) -> bool:
        # As in build_snapshot: a root without files would make an id depend on an empty folder.
        return any(file.startswith(f"{root}/" if root else "") for file in self.files)

    def snapshot(self) -> Snapshot:
        """Return the zip.

        Raises:
            SnapshotError: a file was changed since the pipeline was compiled.
        """
        snapshot = build_snapshot(self.layout, self.files, self.index.digests(sorted(self.files)))
        if snapshot.hash != self.hash:
            raise SnapshotError("the code was changed while the pipeline was compiled; do it again")
        return snapshot

    def verify(self) -> None:
        """Import the modules from the snapshot in a process of its own, unless that was done before.

        Raises:
            SnapshotError: something is missing there, with the ``include`` to add.
        """
        if self.memo is not None and self.hash in verified_codes(self.memo):
            return
        verify_snapshot(
            self.snapshot(), self.layout, [name for name in self.modules if self.index.holds(name)]
        )
        self._verified = True

    def relative_text(self, text: str) -> str:
        """Return ``text`` with paths of the project made relative, as a person reads them."""
        return text.replace(f"{self.layout.root}/", "")


def _installed_version(module: str) -> str:
    top = module.partition(".")[0]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(top)
    # Slow, since it reads what every distribution has; needed where the two names differ.
    names = sorted(importlib.metadata.packages_distributions().get(top, []))
    return ", ".join(importlib.metadata.version(name) for name in names) or "unknown"
