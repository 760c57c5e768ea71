from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.builder import BaseImageBuilder, BaseImageBuilderConfig


class Keeper(BaseImageBuilder):
    """Keeps images, and leaves out what pushes them."""

    def build(self, *arguments: Any, **options: Any) -> Any:
        return ""

    def find(self, image: str) -> bool:
        return True


def test_a_builder_that_finds_images_and_has_no_push_is_told_to_its_author() -> None:
    builder = Keeper(name="mine", config=BaseImageBuilderConfig(), flavor="keeper")
    registry: Any = None
    with pytest.raises(ImageError, match=r"image builder 'mine' keeps a/b:1 .*Keeper defines `find` and no"):
        builder.push("a/b:1", registry, registry)
