"""What routing saved against the declared baseline: the card of the Overview, the page and its downloads."""
