"""The site: tutorials, labs, gallery and reference to read, and to run in a browser.

python -m tutorials.site --out FOLDER
"""
