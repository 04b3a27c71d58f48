"""What other choices would have cost and achieved, over tasks whose outcome with several models is known.

1. `table`: tasks × models, with quality and cost.
2. `ladders`: models tried one after the other until a verifier is content; every attempt is paid.
3. `advising`: the ladder to recommend, chosen on tasks it is not measured on.
4. `dominance`: models that do as well for less.
5. `savings`: what all-premium would have cost, three ways, and why the naive way lies.
6. `intervals`: tasks drawn again, for how sure all of that is.
"""
