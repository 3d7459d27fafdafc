"""Features of text blocks: columns of numbers, vectorised over a batch of pages."""
