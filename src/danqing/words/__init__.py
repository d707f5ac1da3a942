"""Prompts in English, Chinese or emoji, read into one list of canonical English words."""
