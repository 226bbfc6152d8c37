"""Marks for a folder of submissions: `python -m dynsys_nn.marks SHEET SUBMISSIONS… [--out FOLDER]`.

The questions and their arrays stay in the marker, which runs the lecturer's sheet; an answer runs
in a process of its own, and the two send each other arrays. So what a submission does to dynsys_nn,
to NumPy or to the checks it does to itself: the checks that decide run elsewhere. `fences` says
what an answer is kept from, and what not.
"""
