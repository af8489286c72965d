"""Where credentials come from: one source, one file, one method. Nothing in here knows of Poetry or
cleo.
"""
