"""Settings, where they are kept and how the files are read and written: the user's, the project's,
Poetry's.
"""
