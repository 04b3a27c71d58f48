"""The monthly statement: what a calendar month cost, on paper and as CSV, with what it leaves out."""
