"""Plugins: creators may register and be found; a network takes none."""

from __future__ import annotations

from typing import Any

from tenon._trt import EngineCapability


class IPluginRegistry:
    """The process's registry: creators by (name, version, namespace)."""

    def __init__(self) -> None:
        self._creators: dict[tuple[str, str, str], Any] = {}
        self.parent_search_enabled, self.error_recorder = True, None

    @property
    def all_creators(self) -> list[Any]:
        return list(self._creators.values())

    plugin_creator_list = all_creators_recursive = all_creators

    def register_creator(self, creator: Any, plugin_namespace: str = "") -> bool:
        """False where there is one of this name, version and namespace."""
        key = (creator.name, creator.plugin_version, plugin_namespace)
        return self._creators.setdefault(key, creator) is creator

    def deregister_creator(self, creator: Any) -> bool:
        known = [key for key, each in self._creators.items() if each is creator]
        for key in known:
            del self._creators[key]
        return len(known) > 0

    def get_creator(self, type: str, version: str, plugin_namespace: str = "") -> Any:  # noqa: A002
        return self._creators.get((type, version, plugin_namespace))

    get_plugin_creator = get_creator


_registry = IPluginRegistry()


def get_plugin_registry() -> IPluginRegistry:
    return _registry


def get_builder_plugin_registry(capability: EngineCapability) -> IPluginRegistry | None:
    return _registry if capability == EngineCapability.STANDARD else None
