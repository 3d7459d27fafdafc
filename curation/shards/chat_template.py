"""One line of JSON to the text of a conversation, and where in it the assistant speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox

PLAIN = (  # texts, one after another, each on a line
    "{% for message in messages %}{{ message.content }}"
    "{% if not loop.last or add_generation_prompt %}{{ '\n' }}{% endif %}{% endfor %}"
)


class ChatError(ValueError):
    """Conversations or a template that cannot be made into rows: file, line, found, expected."""


def messages_of(line: str, where: str) -> list[dict[str, str]]:
    """Return the messages of one line of JSON.

    >>> messages_of('{"prompt": "2 + 2?", "response": "4"}', "x.jsonl:1")
    [{'role': 'user', 'content': '2 + 2?'}, {'role': 'assistant', 'content': '4'}]
    """
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise ChatError(f"{where}: no JSON: {error}") from None
    if isinstance(entry, dict) and "prompt" in entry and "response" in entry:
        pairs = (("user", entry["prompt"]), ("assistant", entry["response"]))
        entry = {"messages": [{"role": role, "content": content} for role, content in pairs]}
    messages: Any = entry.get("messages") if isinstance(entry, dict) else None
    ok = isinstance(messages, list) and all(
        isinstance(message, dict)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str)
        for message in messages
    )
    if not ok or not any(message["role"] == "assistant" for message in messages):
        raise ChatError(
            f"{where}: expected `messages`, each with a `role` and a `content` and one at least of the "
            "assistant, or `prompt` and `response`"
        )
    return list(messages)


class Template:
    """A Jinja `chat_template`, as tokenizer configurations have them; without one, texts line by line."""

    def __init__(self, path: str | None) -> None:
        try:
            config: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
        except ValueError as error:
            raise ChatError(f"{path}: no JSON: {error}") from None
        source = config.get("chat_template", PLAIN)
        if isinstance(source, list):  # several, by name
            source = {named["name"]: named["template"] for named in source}.get("default")
        if not isinstance(source, str):
            raise ChatError(f"{path}: expected a `chat_template` that is text, or one named 'default'")
        self._tokens = {
            name: value["content"] if isinstance(value, dict) else value
            for name, value in config.items()
            if name.endswith("_token") and isinstance(value, str | dict)
        }
        engine = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        engine.globals["raise_exception"] = _raise
        try:
            self._template = engine.from_string(source)
        except jinja2.TemplateError as error:
            raise ChatError(f"{path}: its `chat_template` is no Jinja: {error}") from None

    def render(self, messages: Sequence[Mapping[str, str]], *, prompt: bool = False) -> str:
        """Return the text of a conversation; with `prompt`, up to where the assistant begins to answer."""
        variables = {**self._tokens, "messages": messages, "add_generation_prompt": prompt}
        return self._template.render(variables)

    def spans(self, messages: Sequence[Mapping[str, str]], where: str) -> tuple[str, list[tuple[int, int]]]:
        """Return the whole text, and where in it the assistant speaks: what follows each of its prompts."""
        try:
            whole, spans = self.render(messages), []
            for number, message in enumerate(messages):
                if message["role"] == "assistant":
                    before = self.render(messages[:number], prompt=True)
                    after = self.render(messages[: number + 1])
                    if not (whole.startswith(after) and after.startswith(before)):
                        raise ChatError(
                            f"{where}: the template writes message {number} in another way when more follow "
                            "it, so what the assistant says cannot be told from the rest"
                        )
                    spans.append((len(before), len(after)))
        except jinja2.TemplateError as error:
            raise ChatError(f"{where}: the template refuses it: {error}") from None
        return whole, spans


def _raise(message: str) -> None:
    """Raise what a template objects to: `raise_exception` in templates."""
    raise jinja2.TemplateError(message)
