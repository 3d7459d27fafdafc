"""What answers are drawn with: cards, charts, tables, and text made inert. The trainer draws with it too."""
