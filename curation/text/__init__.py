"""A text and its parts, for signals and edits: lines, paragraphs, words, n-grams.

`text.Text` computes every part once. `markdown.plain` removes the Markdown markup.
"""
