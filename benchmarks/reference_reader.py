"""mosaicml-streaming (the extra `streaming`), which tests and benches hold our shards and our reader against."""

from __future__ import annotations

import sys
import types


def import_streaming() -> types.ModuleType:
    """Return mosaicml-streaming, imported without its vision and multimodal datasets; the import takes seconds.

    The package imports those eagerly, and they need torchvision, whose operators do not load beside
    a CPU build of torch. Nothing here uses them, so two empty modules take their place, unless the
    process has the real ones already.
    """
    for name in ("streaming.vision", "streaming.multimodal"):
        sys.modules.setdefault(name, types.ModuleType(name, "Left empty: it needs torchvision."))
    import streaming

    return streaming
