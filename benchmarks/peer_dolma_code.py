"""Run with Dolma's own interpreter: what its code taggers measure on {"text"} lines, as JSON lines.

    python peer_dolma_code.py code TEXTS.jsonl SCORES.jsonl

The RedPajama tagger and the XML part of the StarCoder tagger; each line is {attribute: score}. Secrets and HTML
are other parts of the same module: names stand in for what they import.
"""

import json
import sys
import types
from importlib.metadata import version

for name in ("", ".core", ".core.potential_secret", ".core.scan", ".core.secrets_collection", ".settings"):
    sys.modules[f"detect_secrets{name}"] = types.ModuleType(f"detect_secrets{name}")
sys.modules["detect_secrets.core.potential_secret"].PotentialSecret = object
sys.modules["detect_secrets.core.scan"]._process_line_based_plugins = None
sys.modules["detect_secrets.core.secrets_collection"].SecretsCollection = object
sys.modules["detect_secrets.settings"].default_settings = None
sys.modules["detect_secrets.settings"].get_plugins = None
sys.modules["bs4"] = types.ModuleType("bs4")
sys.modules["bs4"].BeautifulSoup = None

from dolma.core.data_types import DocumentWithMetadata  # noqa: E402
from dolma.taggers.code.code_taggers import CodeRedPajamaTaggers, CodeStarCoderTaggers2  # noqa: E402


def main(kind: str, source: str, target: str) -> None:
    """Tag and write, then print the version."""
    taggers = {"code": [CodeRedPajamaTaggers(), CodeStarCoderTaggers2()]}[kind]
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            document = DocumentWithMetadata(source="", id="", text=json.loads(line)["text"], metadata={})
            scores = {}
            for tagger in taggers:
                scores |= {span.type: float(span.score) for span in tagger.predict(document).spans}
            out.write(json.dumps(scores) + "\n")
    print(version("dolma"))


if __name__ == "__main__":
    main(*sys.argv[1:])
