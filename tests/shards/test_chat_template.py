"""Who says what in the text of a conversation."""

import json

import pytest

from curation.shards.chat_template import ChatError, Template

CHATML = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}> {{ m.content }} <end>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
TALK = [
    {"role": role, "content": text}
    for role, text in (("user", "w5 w6"), ("assistant", "w7"), ("user", "w8"), ("assistant", "w9 w10"))
]


def learned(text, spans):
    return [text[a:b] for a, b in spans]


def test_the_assistants_words_and_its_end_are_learned(tmp_path):
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"chat_template": CHATML, "bos_token": {"content": "<s> "}}))
    text, spans = Template(str(path)).spans(TALK, "here")
    assert text == "<s> <user> w5 w6 <end>\n<assistant> w7 <end>\n<user> w8 <end>\n<assistant> w9 w10 <end>\n"
    assert learned(text, spans) == ["w7 <end>\n", "w9 w10 <end>\n"]


def test_without_a_template_texts_stand_line_by_line():
    text, spans = Template(None).spans(TALK, "here")
    assert (text, learned(text, spans)) == ("w5 w6\nw7\nw8\nw9 w10", ["w7", "w9 w10"])


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{", "no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (json.dumps({"chat_template": "{% for"}), "its `chat_template` is no Jinja: "),
        (json.dumps({"chat_template": 7}), "expected a `chat_template` that is text, or one named 'default'"),
    ],
)
def test_what_is_no_template_is_named(tmp_path, written, told):
    path = tmp_path / "tokenizer_config.json"
    path.write_text(written)
    with pytest.raises(ChatError) as error:
        Template(str(path))
    assert str(error.value).startswith(f"{path}: {told}")
