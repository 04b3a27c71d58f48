"""The pages of the price book."""
