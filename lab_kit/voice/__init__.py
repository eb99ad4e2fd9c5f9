"""The spoken answer: whose turn it is, what is said, how it sounds, and who may break in.

Pure: values and times in, values out. What computes and waits is composed by the server.
"""
