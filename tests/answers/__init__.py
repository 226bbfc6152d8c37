"""Answers to the labs, module by module: WRONG, with the question that finds the mistake and what it says, and RIGHT, in unusual forms.

WRONG: [(the mistake, number of the question, words of its diagnosis, make), …]; RIGHT: [(the form, make), …].
make(Answer), of the solution's Answer, is what the sheet's `questions` take.
"""
