"""Words become pictures: a prior from words to a picture embedding, a decoder from the embedding to pixels."""
