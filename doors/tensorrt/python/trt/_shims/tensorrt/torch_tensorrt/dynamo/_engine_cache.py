"""What custom caches are made of."""

from tenon.torch import BaseEngineCache as BaseEngineCache
