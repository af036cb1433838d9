"""The changes, each in a file that begins with its number. What is here is never edited: a change is a new file."""
