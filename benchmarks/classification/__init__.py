"""The classifier against labelled tickets: how often it is right, and how fast."""
