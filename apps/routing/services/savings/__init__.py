"""What routing saved: the declared baseline, and the day sums that compare usage with it.

1. `declaring`: an admin declares a baseline, or withdraws it.
2. `deriving`: one day's records become its sums.
3. `sweeping`: days whose usage or baseline changed are derived again.
"""
